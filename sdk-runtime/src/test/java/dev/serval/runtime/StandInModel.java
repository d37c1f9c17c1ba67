package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ServingRuntime;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The oracles' Llama on a machine whose GPUs the stand-in plays: an extension for an instance
 * field, set up before each test, and to be left by it without a thread, a file or memory of a
 * device.
 */
final class StandInModel implements BeforeEachCallback, AfterEachCallback {
  static final DevicePreference PREFERRED = DevicePreference.prefer(DeviceKind.GPU, DeviceKind.CPU);
  static final DevicePreference REQUIRED = DevicePreference.require(DeviceKind.GPU);

  private static final String[] ONE_GPU = {"memory=256m", "capability=8.0"};
  private static final String[] TWO_GPUS = {"devices=2", "memory=256m", "capability=8.0"};

  private final StandIn machine = StandIn.with(ONE_GPU);
  private final OracleRequests requests = new OracleRequests(Oracle.named("llama"));
  private Threads before;
  private Path folder;

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    machine.beforeEach(context);
    machine.projectKernels();
    before = Threads.now();
    folder = Files.createTempDirectory("serval-stand-in");
    requests.oracle().folder(folder);
  }

  @Override
  public void afterEach(ExtensionContext context) throws IOException {
    if (folder != null) {
      delete(folder);
      before.assertNoneLeft();
    }
    machine.afterEach(context);
  }

  private static void delete(Path whole) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(whole)) {
      files = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : files) {
      Files.delete(file);
    }
  }

  /** The machine has two GPUs from now on. */
  void twoGpus() {
    machine.configure(TWO_GPUS);
    machine.projectKernels();
  }

  StandIn machine() {
    return machine;
  }

  OracleRequests requests() {
    return requests;
  }

  /** Where nothing else is. */
  Path folder() {
    return folder;
  }

  ServingRuntimeBuilder builder(DevicePreference wish) {
    return builder(StandInMachine.of(machine), wish);
  }

  ServingRuntimeBuilder builder(StandInMachine libraries, DevicePreference wish) {
    return libraries.runtime(folder.resolve(requests.oracle().name())).device(wish);
  }

  /** Where the model is. */
  static String device(ServingRuntime runtime) {
    return ((NamedModel) runtime.models().getFirst()).loaded().device().id();
  }

  /** Waits until a runtime's screen says something. */
  static void await(String what, ServingRuntime runtime) throws InterruptedException {
    await(what, 1, runtime);
  }

  static void await(String what, int times, ServingRuntime runtime) throws InterruptedException {
    for (int i = 0; i < 3000 && count(what, runtime) < times; i++) {
      Thread.sleep(10);
    }
    assertThat(count(what, runtime))
        .as("%s in %s", what, runtime.describe())
        .isGreaterThanOrEqualTo(times);
  }

  private static int count(String what, ServingRuntime runtime) {
    return runtime.describe().toString().split(Pattern.quote(what), -1).length - 1;
  }
}
