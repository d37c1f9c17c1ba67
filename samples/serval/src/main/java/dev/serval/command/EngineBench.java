package dev.serval.command;

import dev.serval.api.RuntimeDescription;
import dev.serval.api.ServingRuntime;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.storage.Checkpoint;
import dev.serval.command.bench.EngineLoad;
import dev.serval.command.bench.EngineReport;
import dev.serval.command.bench.MachinePeaks;
import dev.serval.command.bench.ModelWork;
import dev.serval.command.bench.Roofline;
import java.time.Duration;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;

/** Measures an engine: {@code bench --engine}. */
final class EngineBench {
  private static final int LEAST_STEP = 512;

  /** Longer than a service would wait: what is measured is the speed that it has later. */
  private static final Duration WARM_UP = Duration.ofSeconds(20);

  private final Console console;
  private final ModelOptions model;
  private final EngineOptions options;

  EngineBench(Console console, ModelOptions model, EngineOptions options) {
    this.console = console;
    this.model = model;
    this.options = options;
  }

  EngineReport run(long seed) throws InterruptedException {
    Roofline roofline = roofline();
    try (ServingRuntime runtime = open()) {
      EngineLoad load = new EngineLoad(runtime, new Random(seed));
      String name = runtime.models().getFirst().name();
      String compute = compute(runtime);
      boolean bounded = compute.startsWith("cpu");
      EngineReport warmUp = new EngineReport(name, "", roofline, bounded);
      EngineReport report = new EngineReport(name, compute, roofline, bounded);
      measure(load, warmUp);
      for (int i = 0; i < options.repetitions(); i++) {
        measure(load, report);
      }
      return report;
    }
  }

  private void measure(EngineLoad load, EngineReport report) throws InterruptedException {
    if (options.prefill() > 0) {
      report.prefill(options.prefill(), load.prefill(options.prefill()));
    }
    for (int sequences : options.decode()) {
      if (sequences > 0) {
        report.decode(
            sequences, options.decodeTokens(), load.decode(sequences, options.decodeTokens()));
      }
    }
  }

  private Roofline roofline() throws InterruptedException {
    MachinePeaks peaks = MachinePeaks.measure(model.computingThreads(), System::nanoTime);
    StoredModels stored = new StoredModels();
    try (Checkpoint checkpoint = stored.inspect(model.path())) {
      ModelWork work =
          ModelWork.of(checkpoint, stored.family(checkpoint).inspect(checkpoint), model.kvDtype());
      return new Roofline(peaks, Roofline.Instructions.of(work.type(), features()), work);
    }
  }

  private static Set<String> features() {
    Set<String> features = new TreeSet<>();
    for (DeviceProvider provider : ServiceLoader.load(DeviceProvider.class)) {
      for (Device device : provider.discover().devices()) {
        if (device.kind() == DeviceKind.CPU) {
          features.addAll(Set.of(device.attributes().getOrDefault("features", "").split(" ", -1)));
        }
      }
    }
    return features;
  }

  /** One step holds the whole prompt, or a token of each sequence; nothing is found again. */
  private ServingRuntime open() {
    int step = Math.max(LEAST_STEP, options.prefill());
    model.atMost(Math.max(options.prefill(), EngineLoad.mostTokens(options.decodeTokens())) + 1);
    return model.open(
        console,
        builder ->
            builder
                .prefixCaching(false)
                .warmUp(WARM_UP)
                .maxStepTokens(Math.max(step, options.mostSequences()))
                .chunkTokens(Math.max(step, options.mostSequences()))
                .maxRunning(Math.max(1, options.mostSequences())));
  }

  private static String compute(ServingRuntime runtime) {
    return runtime.describe().sections().stream()
        .filter(section -> section.title().equals("compute"))
        .flatMap(section -> section.entries().stream())
        .map(RuntimeDescription.Entry::value)
        .findFirst()
        .orElse("");
  }
}
