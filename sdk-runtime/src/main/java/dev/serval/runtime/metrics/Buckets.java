package dev.serval.runtime.metrics;

import java.time.Duration;
import java.util.Arrays;

/**
 * Where histograms are cut. The first three are those that OpenTelemetry advises (<a
 * href="https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/">semantic conventions
 * for generative AI metrics</a>), finer at the low end, where there is no network in between.
 */
final class Buckets {
  private static final double[] REQUEST = {
    0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92
  };
  private static final double[] FIRST_TOKEN = {
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30
  };
  private static final double[] TOKEN = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1,
    2.5
  };
  private static final double[] TOKENS = {
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576
  };

  private static final double[] INPUTS = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

  private Buckets() {}

  /** For numbers of inputs. */
  static double[] inputs() {
    return INPUTS.clone();
  }

  /** For the duration of a request. */
  static Duration[] request() {
    return seconds(REQUEST);
  }

  /** For what passes until a request's first step or token. */
  static Duration[] firstToken() {
    return seconds(FIRST_TOKEN);
  }

  /** For a step, or what passes between tokens. */
  static Duration[] token() {
    return seconds(TOKEN);
  }

  /** For numbers of tokens. */
  static double[] tokens() {
    return TOKENS.clone();
  }

  private static Duration[] seconds(double[] values) {
    return Arrays.stream(values)
        .mapToObj(value -> Duration.ofNanos(Math.round(value * 1e9)))
        .toArray(Duration[]::new);
  }
}
