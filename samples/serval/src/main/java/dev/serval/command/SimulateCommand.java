package dev.serval.command;

import dev.serval.api.ServiceLevel;
import dev.serval.api.model.StepLimits;
import dev.serval.command.simulate.DurationConverter;
import dev.serval.command.simulate.LevelConverter;
import dev.serval.command.simulate.MachineConverter;
import dev.serval.command.simulate.PolicyChoice;
import dev.serval.command.simulate.WorkloadKind;
import dev.serval.simulator.Comparison;
import dev.serval.simulator.MachineCosts;
import dev.serval.simulator.Simulation;
import dev.serval.simulator.SimulationReport;
import dev.serval.simulator.Trace;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Replays a trace with several policies, on a virtual clock. */
@Command(
    name = "simulate",
    description = {
      "Replays a trace with the scheduler that serves, on a virtual clock, and shows its latencies",
      "for each policy side by side. A trace is a file of JSON lines as in the Mooncake traces:",
      "timestamp (ms), input_length, output_length, hash_ids; also class, tenant, priority.",
      "A policy is an order (see --policy) and what else is to differ: fair,chunk=256,victim=last-in"
    })
final class SimulateCommand implements Callable<Integer> {
  private static final double NANOS = 1e9;

  private final Console console;

  @Spec
  @SuppressWarnings("NullAway.Init")
  private CommandSpec spec;

  @Parameters(paramLabel = "TRACE", arity = "0..1", description = "the file to replay")
  private @Nullable Path file;

  @Option(
      names = "--policy",
      paramLabel = "POLICY",
      description = "an order, and roles: " + PolicyChoice.DESCRIPTION + " (fcfs)",
      converter = PolicyChoice.Converter.class)
  private List<PolicyChoice> policies = List.of();

  @Option(
      names = "--workload",
      paramLabel = "KIND",
      description = "make a trace instead of reading one: ${COMPLETION-CANDIDATES}")
  private @Nullable WorkloadKind workload;

  @Option(
      names = "--duration",
      paramLabel = "TIME",
      description = "how long requests of a workload arrive: 90s, 10m or 1h (${DEFAULT-VALUE})",
      defaultValue = "10m",
      converter = DurationConverter.class)
  private Duration duration = Duration.ofMinutes(10);

  @Option(
      names = "--request-rate",
      paramLabel = "R",
      description = "requests, or conversations, of a workload a second (${DEFAULT-VALUE})",
      defaultValue = "1",
      converter = RateConverter.class)
  private double rate = 1;

  @Option(
      names = "--write",
      paramLabel = "FILE",
      description = "write the trace of a workload to a file")
  private @Nullable Path output;

  @Option(
      names = "--machine",
      paramLabel = "M",
      description =
          "what steps cost: small, large, or five numbers of nanoseconds: of a step, of a cached"
              + " token, of a new one, of half a pair of tokens, of a decode (${DEFAULT-VALUE})",
      defaultValue = "small",
      converter = MachineConverter.class)
  private MachineCosts machine = MachineCosts.smallModelOnProcessor();

  @Option(
      names = "--jitter",
      paramLabel = "R",
      description = "by how much steps take more or less time (${DEFAULT-VALUE})")
  private double jitter;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "the same seed gives the same run (${DEFAULT-VALUE})")
  private long seed;

  @Option(
      names = "--kv-blocks",
      paramLabel = "N",
      description = "how many KV blocks there are (as many as the trace can fill)")
  private @Nullable Integer blocks;

  @Option(
      names = "--kv-block-tokens",
      paramLabel = "N",
      description = "how many tokens a block holds (${DEFAULT-VALUE})")
  private int blockTokens = 16;

  @Option(
      names = "--hash-tokens",
      paramLabel = "N",
      description = "how many tokens a hash id stands for (${DEFAULT-VALUE})")
  private int hashTokens = Trace.MOONCAKE_HASH_TOKENS;

  @Option(
      names = "--answer-limit",
      paramLabel = "N",
      description =
          "the limit that requests give for their answers, which end within it as the trace has"
              + " them; longer ones have their own (as many tokens as each answer has)")
  private @Nullable Integer answerLimit;

  @Option(
      names = "--max-step-tokens",
      paramLabel = "N",
      description = "how many tokens a step has at most (${DEFAULT-VALUE})")
  private int stepTokens = 2048;

  @Option(
      names = "--max-running",
      paramLabel = "N",
      description = "how many sequences a step has at most (${DEFAULT-VALUE})")
  private int running = 64;

  @Option(names = "--explain", description = "show what the requests' time went into")
  private boolean explain;

  @Option(
      names = "--level",
      paramLabel = "LEVEL",
      description =
          "what a class is promised: name:rank:ttft:tpot, such as interactive:2:500ms:50ms or"
              + " batch:5:-:- (those two are known)",
      converter = LevelConverter.class)
  private List<ServiceLevel> levels = List.of();

  SimulateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Trace trace = trace();
    write(trace);
    Map<String, SimulationReport> reports = new LinkedHashMap<>();
    for (PolicyChoice policy : policies.isEmpty() ? List.of(PolicyChoice.of("fcfs")) : policies) {
      reports.put(policy.name(), simulate(simulation(trace, policy), policy.name()));
    }
    console.out().print(Comparison.table(reports));
    return ExitCode.OK;
  }

  private SimulationReport simulate(Simulation simulation, String name) {
    long begin = System.nanoTime();
    SimulationReport report = simulation.run();
    double seconds = (System.nanoTime() - begin) / NANOS;
    double virtual = report.duration().toNanos() / NANOS;
    console
        .err()
        .printf(
            Locale.ROOT,
            "%s: %.0f s in %.2f s, %.0f times real time; step log %s%n",
            name,
            virtual,
            seconds,
            virtual / seconds,
            report.stepLog());
    return report;
  }

  private Simulation simulation(Trace trace, PolicyChoice policy) {
    try {
      Simulation.Builder builder =
          Simulation.builder(trace)
              .policies(policy.policies())
              .costs(machine)
              .jitter(jitter)
              .seed(seed)
              .blockTokens(blockTokens)
              .limits(new StepLimits(stepTokens, running))
              .explained(explain);
      levels.forEach(builder::level);
      if (blocks != null) {
        builder.blocks(blocks);
      }
      if (answerLimit != null) {
        builder.answerLimit(answerLimit);
      }
      return builder.build();
    } catch (IllegalArgumentException e) {
      throw wrong(e);
    }
  }

  private Trace trace() throws IOException {
    if (file != null && workload != null) {
      throw new ParameterException(spec.commandLine(), "give a trace or a --workload, not both");
    }
    try {
      if (workload != null) {
        return workload.trace(duration, rate, seed);
      }
      if (file != null) {
        return Trace.read(file, hashTokens);
      }
    } catch (NoSuchFileException e) {
      throw new CommandException("there is no file " + file, e);
    } catch (IllegalArgumentException e) {
      throw wrong(e);
    }
    throw new ParameterException(spec.commandLine(), "give a trace, or make one with --workload");
  }

  private ParameterException wrong(IllegalArgumentException e) {
    return new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
  }

  private void write(Trace trace) throws IOException {
    if (output != null) {
      try (Writer out = Files.newBufferedWriter(output)) {
        trace.write(out);
      }
    }
  }
}
