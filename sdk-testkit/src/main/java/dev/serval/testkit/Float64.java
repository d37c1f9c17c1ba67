package dev.serval.testkit;

import dev.serval.api.compute.AttentionSpec;

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

  static double silu(double x) {
    return x / (1 + Math.exp(-x));
  }

  static double[] turned(double[] head, AttentionSpec spec, int position) {
    int pairs = head.length / 2;
    double[] out = new double[head.length];
    for (int i = 0; i < pairs; i++) {
      double angle = position * spec.rotary().frequency(i);
      out[i] = head[i] * Math.cos(angle) - head[i + pairs] * Math.sin(angle);
      out[i + pairs] = head[i + pairs] * Math.cos(angle) + head[i] * Math.sin(angle);
    }
    return out;
  }

  /** One query over the keys and values of the positions from {@code first} to {@code last}. */
  static double[] attend(
      double[] query, double[][] keys, double[][] values, int first, int last, double scale) {
    double[] weights = new double[last + 1];
    double max = Double.NEGATIVE_INFINITY;
    for (int i = first; i <= last; i++) {
      weights[i] = dot(query, keys[i]) * scale;
      max = Math.max(max, weights[i]);
    }
    double sum = 0;
    for (int i = first; i <= last; i++) {
      weights[i] = Math.exp(weights[i] - max);
      sum += weights[i];
    }
    double[] out = new double[query.length];
    for (int i = first; i <= last; i++) {
      for (int dim = 0; dim < out.length; dim++) {
        out[dim] += weights[i] / sum * values[i][dim];
      }
    }
    return out;
  }
}
