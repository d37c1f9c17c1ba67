package dev.serval.command;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceProvider;
import java.util.List;
import java.util.ServiceLoader;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;

/** Lists the devices that were looked for, what was found, and what can run models on them. */
@Command(
    name = "devices",
    description = "Lists what was looked for and found, and whether models can run on it.")
final class DevicesCommand implements Callable<Integer> {
  private final Console console;

  DevicesCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    List<ComputeBackendProvider> backends =
        ServiceLoader.load(ComputeBackendProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .toList();
    for (DeviceProvider provider : ServiceLoader.load(DeviceProvider.class)) {
      DeviceProvider.Discovery discovery = provider.discover();
      console.out().println(provider.name() + ": " + discovery.finding());
      discovery.devices().forEach(device -> show(device, backends));
    }
    return ExitCode.OK;
  }

  private void show(Device device, List<ComputeBackendProvider> backends) {
    console.out().printf("  %s  %s, %s%n", device.id(), device.name(), device.memory());
    device.attributes().forEach((name, value) -> console.out().printf("    %s: %s%n", name, value));
    String able =
        backends.stream()
            .filter(backend -> backend.supports(device))
            .map(ComputeBackendProvider::name)
            .collect(Collectors.joining(", "));
    console
        .out()
        .println(
            able.isEmpty()
                ? "    not used: no compute backend here can run models on it"
                : "    runs models by the compute backend " + able);
  }
}
