package dev.serval.command;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What of an engine is measured. */
final class EngineOptions {
  @Option(
      names = "--engine",
      arity = "0..1",
      paramLabel = "MODEL",
      fallbackValue = "",
      description =
          "measure prefill and decoding alone, beside what the machine allows; the other options"
              + " from --num-prompts to --metric-percentiles do not count then")
  private @Nullable Path engine;

  @Option(
      names = "--prefill",
      paramLabel = "N",
      description = "tokens of the prompt of --engine (${DEFAULT-VALUE})")
  private int prefill = 512;

  @Option(
      names = "--decode",
      paramLabel = "N",
      split = ",",
      defaultValue = "1,4,8,16",
      description = "sequences that --engine decodes side by side (${DEFAULT-VALUE})")
  private List<Integer> decode = List.of();

  @Option(
      names = "--decode-tokens",
      paramLabel = "N",
      description = "tokens that each of them generates (${DEFAULT-VALUE})")
  private int decodeTokens = 32;

  @Option(
      names = "--repetitions",
      paramLabel = "N",
      description = "how often --engine measures each, after warming up (${DEFAULT-VALUE})")
  private int repetitions = 5;

  boolean wanted() {
    return engine != null;
  }

  /** The model named with the option, or null if it was named elsewhere. */
  @Nullable Path model() {
    return engine == null || engine.toString().isEmpty() ? null : engine;
  }

  int prefill() {
    return prefill;
  }

  List<Integer> decode() {
    return decode;
  }

  int decodeTokens() {
    return decodeTokens;
  }

  int repetitions() {
    return repetitions;
  }

  /** The most sequences side by side. */
  int mostSequences() {
    return decode.stream().mapToInt(Integer::intValue).max().orElse(1);
  }

  /** Says what is wrong, or nothing. */
  String problem() {
    if (prefill < 0 || decodeTokens < 1 || repetitions < 1) {
      return "--decode-tokens and --repetitions are at least 1 and --prefill is not negative";
    }
    return decode.stream().anyMatch(n -> n < 0 || n > 1024)
        ? "--decode takes from 0 to 1024 sequences, unlike " + decode
        : "";
  }
}
