package dev.serval.testkit;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.UngatedFunction;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** A transformer's operations as textbooks write them, in float64 and without any haste. */
final class Float64 {
  private Float64() {}

  static double[] widen(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  static double[] linear(double[] in, float[][] weight, float[] bias) {
    double[] out = new double[weight.length];
    for (int row = 0; row < weight.length; row++) {
      out[row] = dot(in, widen(weight[row])) + (bias.length == 0 ? 0 : bias[row]);
    }
    return out;
  }

  static double[] rmsNorm(double[] in, float[] gain, double epsilon) {
    double scale = 1 / Math.sqrt(dot(in, in) / in.length + epsilon);
    double[] out = new double[in.length];
    for (int i = 0; i < in.length; i++) {
      out[i] = in[i] * scale * gain[i];
    }
    return out;
  }

  /** Biases are none where there is an empty array of them. */
  static double[] layerNorm(double[] in, float[] gain, float[] bias, double epsilon) {
    double mean = Arrays.stream(in).sum() / in.length;
    double[] centred = Arrays.stream(in).map(x -> x - mean).toArray();
    double[] out = rmsNorm(centred, gain, epsilon);
    for (int i = 0; i < bias.length; i++) {
      out[i] += bias[i];
    }
    return out;
  }

  /** What comes of one element. */
  static double activated(UngatedFunction function, double x) {
    return switch (function) {
      case GELU -> x * normal(x);
      case GELU_TANH -> gated(GateFunction.GELU_TANH, x, 1);
      case RELU_SQUARED -> x > 0 ? x * x : 0;
      case TANH -> Math.tanh(x);
    };
  }

  /** The normal distribution, by its series around 0 (Marsaglia, 2004). */
  private static double normal(double x) {
    double term = x;
    double sum = 0;
    for (int i = 1; Math.abs(x) < 8 && sum + term != sum; i += 2) {
      sum += term;
      term *= x * x / (i + 2);
    }
    return Math.abs(x) < 8
        ? 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI)
        : x > 0 ? 1 : 0;
  }

  /** What a feed-forward layer has between its maps. */
  static double[] activated(ActivationFunction function, double[] maps) {
    return switch (function) {
      case GateFunction gating -> gated(gating, maps);
      case SparseGate(GateFunction gating, float deviations) ->
          gated(gating, withSparseGates(maps, deviations));
      case UngatedFunction plain -> Arrays.stream(maps).map(x -> activated(plain, x)).toArray();
    };
  }

  /** What comes of one gate and its up. */
  static double gated(GateFunction function, double x, double up) {
    return switch (function) {
      case SILU -> x / (1 + Math.exp(-x)) * up;
      case GELU_TANH ->
          x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))) * up;
      case SWIGLU_OAI -> {
        double gate = Math.min(x, 7);
        yield gate / (1 + Math.exp(-1.702 * gate)) * (Math.clamp(up, -7.0, 7.0) + 1);
      }
    };
  }

  /** The gated activation of gates, in the first half, and ups. */
  static double[] gated(GateFunction function, double[] maps) {
    double[] products = new double[maps.length / 2];
    Arrays.setAll(products, i -> gated(function, maps[i], maps[products.length + i]));
    return products;
  }

  /** Gates and ups, of the first of which those alone are left that stand out. */
  static double[] withSparseGates(double[] maps, double deviations) {
    double[] out = maps.clone();
    double[] sparse = sparse(Arrays.copyOf(maps, maps.length / 2), deviations);
    System.arraycopy(sparse, 0, out, 0, sparse.length);
    return out;
  }

  /** How far those gates are above it that are above so many deviations from the mean. */
  static double[] sparse(double[] gates, double deviations) {
    double mean = Arrays.stream(gates).average().orElseThrow();
    double variance =
        Arrays.stream(gates).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
    double least = mean + deviations * Math.sqrt(variance);
    return Arrays.stream(gates).map(x -> Math.max(x - least, 0)).toArray();
  }

  static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  static double[] softmax(double[] scores) {
    double max = Arrays.stream(scores).max().orElseThrow();
    double[] exponentials = Arrays.stream(scores).map(score -> Math.exp(score - max)).toArray();
    double sum = Arrays.stream(exponentials).sum();
    return Arrays.stream(exponentials).map(exponential -> exponential / sum).toArray();
  }

  /**
   * A row's causal convolution with those before it, each channel by itself.
   *
   * @param rows a sequence's
   * @param row which
   * @param from its first channel's column
   * @param kernel by what channels are multiplied, those of the oldest row first
   * @param channels how many there are
   */
  static double[] convolved(double[][] rows, int row, int from, float[] kernel, int channels) {
    int taps = kernel.length / channels;
    double[] sums = new double[channels];
    for (int tap = Math.max(0, taps - 1 - row); tap < taps; tap++) {
      for (int i = 0; i < channels; i++) {
        sums[i] += kernel[tap * channels + i] * rows[row - (taps - 1) + tap][from + i];
      }
    }
    return sums;
  }

  /**
   * A short convolution of rows {@code [gates before | gates behind | values]}.
   *
   * @param kernel by what columns are multiplied, those of the oldest row first
   */
  static double[][] shortConvolution(double[][] rows, float[] kernel, int width) {
    double[][] gated = new double[rows.length][width];
    double[][] out = new double[rows.length][];
    for (int t = 0; t < rows.length; t++) {
      for (int i = 0; i < width; i++) {
        gated[t][i] = rows[t][i] * rows[t][2 * width + i];
      }
      out[t] = convolved(gated, t, 0, kernel, width);
      for (int i = 0; i < width; i++) {
        out[t][i] *= rows[t][width + i];
      }
    }
    return out;
  }

  /** Which values are the greatest, of equal ones the first. */
  static int[] greatest(double[] values, int count) {
    return IntStream.range(0, values.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -values[i]))
        .limit(count)
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /** Experts' ranks in the groups that rank highest, of equal ones the first; none elsewhere. */
  static double[] grouped(double[] ranks, Groups groups) {
    int size = ranks.length / groups.count();
    int summed = groups.score() == GroupScore.HIGHEST ? 1 : 2;
    double[] scores =
        IntStream.range(0, groups.count())
            .mapToObj(group -> Arrays.copyOfRange(ranks, group * size, (group + 1) * size))
            .mapToDouble(
                own -> Arrays.stream(greatest(own, summed)).mapToDouble(one -> own[one]).sum())
            .toArray();
    double[] out = new double[ranks.length];
    Arrays.fill(out, Double.NEGATIVE_INFINITY);
    for (int group : greatest(scores, groups.used())) {
      System.arraycopy(ranks, group * size, out, group * size, size);
    }
    return out;
  }

  /** How a head is turned, of a query or of a key. */
  static double[] turned(double[] head, AttentionSpec spec, int position, boolean query) {
    RotaryEmbedding rotary = spec.rotary();
    double magnitude = query ? rotary.queryMagnitude(position) : rotary.magnitude();
    double[] out = head.clone();
    for (int i = 0; i < rotary.pairs(); i++) {
      double angle = position * rotary.frequency(i);
      double x = head[rotary.first(i)] * magnitude;
      double y = head[rotary.second(i)] * magnitude;
      out[rotary.first(i)] = x * Math.cos(angle) - y * Math.sin(angle);
      out[rotary.second(i)] = y * Math.cos(angle) + x * Math.sin(angle);
    }
    return out;
  }

  static double softcapped(double x, double cap) {
    return Double.isInfinite(cap) ? x : cap * Math.tanh(x / cap);
  }

  /**
   * One query over the keys and values of the positions from {@code first} to {@code last}, beside
   * a score that gives nothing.
   */
  static double[] attend(
      double[] query,
      double[][] keys,
      double[][] values,
      int first,
      int last,
      AttentionSpec spec,
      double sink) {
    double[] weights = new double[last + 1];
    double max = sink;
    for (int i = first; i <= last; i++) {
      weights[i] = softcapped(dot(query, keys[i]) * spec.scale(), spec.softcap());
      max = Math.max(max, weights[i]);
    }
    double sum = Math.exp(sink - max);
    for (int i = first; i <= last; i++) {
      weights[i] = Math.exp(weights[i] - max);
      sum += weights[i];
    }
    double[] out = new double[values[last].length];
    for (int i = first; i <= last; i++) {
      for (int dim = 0; dim < out.length; dim++) {
        out[dim] += weights[i] / sum * values[i][dim];
      }
    }
    return out;
  }
}
