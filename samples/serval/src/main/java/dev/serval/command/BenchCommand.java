package dev.serval.command;

import dev.serval.command.bench.EngineReport;
import dev.serval.command.bench.HttpTarget;
import dev.serval.command.bench.LengthMix;
import dev.serval.command.bench.LoadGenerator;
import dev.serval.command.bench.Report;
import dev.serval.command.bench.RuntimeTarget;
import dev.serval.command.bench.Target;
import dev.serval.command.bench.Workload;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** Measures a server or a runtime in this process under an open load. */
@Command(
    name = "bench",
    description = {
      "Measures how a model is served, under an open load: requests arrive by a Poisson process,",
      "whether or not earlier ones are answered, and latencies count from the scheduled arrival.",
      "Drives the server at --base-url or, without one, a runtime in this process.",
      "With --engine, measures how fast one engine reads prompts and goes on with sequences."
    })
final class BenchCommand implements Callable<Integer> {
  private final Console console;

  @Spec
  @SuppressWarnings("NullAway.Init")
  private CommandSpec spec;

  @Option(names = "--base-url", paramLabel = "URL", description = "a running server, without /v1")
  private @Nullable URI baseUrl;

  @Option(
      names = "--num-prompts",
      paramLabel = "N",
      description = "how many requests (${DEFAULT-VALUE})")
  private int count = 100;

  @Option(
      names = "--num-warmups",
      paramLabel = "N",
      description = "requests beforehand that are not measured (${DEFAULT-VALUE})")
  private int warmups = 8;

  @Option(
      names = "--request-rate",
      paramLabel = "R",
      description = "requests a second; inf for all at once (${DEFAULT-VALUE})",
      defaultValue = "inf",
      converter = RateConverter.class)
  private double rate = Double.POSITIVE_INFINITY;

  @Option(
      names = "--max-concurrency",
      paramLabel = "N",
      description = "how many may be under way at once; others wait on this side (no limit)")
  private @Nullable Integer maxConcurrency;

  @Option(
      names = "--input-len",
      paramLabel = "N",
      split = ",",
      description =
          "tokens of a prompt; several, separated by commas, are equally likely"
              + " (${DEFAULT-VALUE})",
      defaultValue = "128")
  private List<Integer> inputLengths = List.of();

  @Option(
      names = "--output-len",
      paramLabel = "N",
      split = ",",
      description = "tokens of an answer, likewise (${DEFAULT-VALUE})",
      defaultValue = "64")
  private List<Integer> outputLengths = List.of();

  @Option(
      names = "--range-ratio",
      paramLabel = "R",
      description = "spreads lengths from (1-R) to (1+R) times theirs (${DEFAULT-VALUE})")
  private double rangeRatio;

  @Option(
      names = "--prefix-len",
      paramLabel = "N",
      description = "tokens that all prompts begin with, before their own (${DEFAULT-VALUE})")
  private int prefixLength;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "the same seed gives the same load (${DEFAULT-VALUE})")
  private long seed;

  @Option(
      names = "--metric-percentiles",
      paramLabel = "P",
      split = ",",
      description = "which percentiles (${DEFAULT-VALUE})",
      defaultValue = "50,90,95,99,99.9")
  private List<Double> percentiles = List.of();

  @Option(
      names = "--result-file",
      paramLabel = "FILE",
      description =
          "write the results as JSON, those of serving with the names of 'vllm bench serve'")
  private @Nullable Path resultFile;

  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private EngineOptions engine = new EngineOptions();

  BenchCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    return engine.wanted() ? measureEngine() : measureServing();
  }

  private int measureEngine() throws IOException, InterruptedException {
    require(engine.problem().isEmpty(), engine.problem());
    require(baseUrl == null, "--engine measures this process, so it goes without --base-url");
    Path named = engine.model();
    if (named != null) {
      model.at(named);
    }
    EngineReport report = new EngineBench(console, model, engine).run(seed);
    console.out().print(report);
    write(report.fields());
    return ExitCode.OK;
  }

  private int measureServing() throws IOException, InterruptedException {
    Workload.Shape shape = shape(count, rate);
    try (Target target = target()) {
      int[] vocabulary = target.vocabulary();
      warmUp(target, vocabulary);
      Workload workload = Workload.draw(shape, vocabulary, new Random(seed));
      Report report = new Report(setting(target), measure(workload, target));
      console.out().print(report);
      write(report.fields());
      report.errors().forEach(error -> console.err().println("serval: a request failed: " + error));
      return report.clean() ? ExitCode.OK : ExitCode.SOFTWARE;
    } catch (IOException e) {
      throw new CommandException(String.valueOf(e.getMessage()), e);
    }
  }

  private Workload.Shape shape(int requests, double requestRate) {
    require(count >= 1, "--num-prompts is at least 1, unlike " + count);
    require(warmups >= 0, "--num-warmups is not negative, unlike " + warmups);
    require(prefixLength >= 0, "--prefix-len is not negative, unlike " + prefixLength);
    require(
        maxConcurrency == null || maxConcurrency >= 1,
        "--max-concurrency is at least 1, unlike " + maxConcurrency);
    percentiles.forEach(
        p -> require(p >= 0 && p <= 100, "a percentile lies from 0 to 100, unlike " + p));
    try {
      return new Workload.Shape(
          requests,
          requestRate,
          prefixLength,
          new LengthMix(inputLengths, rangeRatio),
          new LengthMix(outputLengths, rangeRatio));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  private void require(boolean right, String message) {
    if (!right) {
      throw new ParameterException(spec.commandLine(), message);
    }
  }

  private Target target() throws IOException, InterruptedException {
    return baseUrl == null
        ? new RuntimeTarget(model.open(console, builder -> {}))
        : new HttpTarget(baseUrl, model.servedName());
  }

  /** Other prompts than those that are measured, so that no cache knows these beforehand. */
  private void warmUp(Target target, int[] vocabulary) throws InterruptedException {
    Workload workload =
        Workload.draw(shape(warmups, Double.POSITIVE_INFINITY), vocabulary, new Random(~seed));
    List<String> errors = new Report(setting(target), measure(workload, target)).errors();
    if (!errors.isEmpty()) {
      throw new CommandException("a first request failed: " + errors.getFirst());
    }
  }

  private LoadGenerator.Run measure(Workload workload, Target target) throws InterruptedException {
    try (ProgressBar bar = new ProgressBar(console, System::nanoTime)) {
      return new LoadGenerator(System::nanoTime, concurrency(), bar).run(workload, target);
    }
  }

  private OptionalInt concurrency() {
    return maxConcurrency == null ? OptionalInt.empty() : OptionalInt.of(maxConcurrency);
  }

  private Report.Setting setting(Target target) {
    return new Report.Setting(
        LocalDateTime.now(ZoneId.systemDefault()),
        target.backend(),
        target.model(),
        rate,
        concurrency(),
        percentiles);
  }

  private void write(Map<String, ? extends @Nullable Object> fields) throws IOException {
    if (resultFile != null) {
      Files.writeString(resultFile, JsonMapper.builder().build().writeValueAsString(fields) + "\n");
    }
  }
}
