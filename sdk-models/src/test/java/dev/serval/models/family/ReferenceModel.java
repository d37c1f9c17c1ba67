package dev.serval.models.family;

import java.util.Map;
import java.util.function.IntUnaryOperator;

/**
 * The forward pass in float64, as the model's authors wrote it down, one position after the other
 * and with nothing stacked, shared or cached. Knows nothing of the code under test.
 */
final class ReferenceModel {
  private final SmallModel model;
  private final int hidden;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final double epsilon;
  private final double[] frequencies;
  private final IntUnaryOperator windows;

  /**
   * A model's reference.
   *
   * @param model its weights and sizes
   * @param frequencies how fast each pair turns
   * @param windows how many positions back each layer sees, its own included
   */
  ReferenceModel(SmallModel model, double[] frequencies, IntUnaryOperator windows) {
    this.model = model;
    hidden = size("hidden_size");
    heads = size("num_attention_heads");
    kvHeads = size("num_key_value_heads");
    headDim = size("head_dim");
    epsilon = (Double) model.config().get("rms_norm_eps");
    this.frequencies = frequencies;
    this.windows = windows;
  }

  private int size(String field) {
    return Math.toIntExact((Long) model.config().get(field));
  }

  static double[] frequencies(int headDim, double theta) {
    double[] frequencies = new double[headDim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = 1 / Math.pow(theta, 2.0 * i / headDim);
    }
    return frequencies;
  }

  /** Llama 3.1's scaling in terms of wave lengths, as its reference code has it. */
  static double[] llama3(double[] plain, Map<String, Object> scaling) {
    double factor = number(scaling, "factor");
    double context = number(scaling, "original_max_position_embeddings");
    double low = number(scaling, "low_freq_factor");
    double high = number(scaling, "high_freq_factor");
    double[] scaled = new double[plain.length];
    for (int i = 0; i < plain.length; i++) {
      double wave = 2 * Math.PI / plain[i];
      double smooth = (context / wave - low) / (high - low);
      if (wave < context / high) {
        scaled[i] = plain[i];
      } else if (wave > context / low) {
        scaled[i] = plain[i] / factor;
      } else {
        scaled[i] = (1 - smooth) * plain[i] / factor + smooth * plain[i];
      }
    }
    return scaled;
  }

  private static double number(Map<String, Object> map, String field) {
    return ((Number) map.get(field)).doubleValue();
  }

  /** The logits after each token. */
  double[][] logits(int[] tokens) {
    double[][] x = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      x[t] = row("model.embed_tokens.weight", tokens[t]);
    }
    for (int layer = 0; layer < size("num_hidden_layers"); layer++) {
      attention(x, "model.layers." + layer + ".", windows.applyAsInt(layer));
      feedForward(x, "model.layers." + layer + ".");
    }
    boolean tied = Boolean.TRUE.equals(model.config().get("tie_word_embeddings"));
    double[][] logits = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      double[] normed = norm(x[t], "model.norm.weight");
      logits[t] = multiply(normed, tied ? "model.embed_tokens.weight" : "lm_head.weight");
    }
    return logits;
  }

  private void attention(double[][] x, String prefix, int window) {
    int length = x.length;
    double[][] q = new double[length][];
    double[][] k = new double[length][];
    double[][] v = new double[length][];
    for (int t = 0; t < length; t++) {
      double[] normed = norm(x[t], prefix + "input_layernorm.weight");
      q[t] = linear(normed, prefix + "self_attn.q_proj");
      k[t] = linear(normed, prefix + "self_attn.k_proj");
      v[t] = linear(normed, prefix + "self_attn.v_proj");
      turn(q[t], heads, t, prefix + "self_attn.q_norm.weight");
      turn(k[t], kvHeads, t, prefix + "self_attn.k_norm.weight");
    }
    for (int t = 0; t < length; t++) {
      double[] out = new double[heads * headDim];
      for (int head = 0; head < heads; head++) {
        int from = Math.max(0, t - (window - 1));
        attend(q[t], k, v, head, from, t, out);
      }
      add(x[t], linear(out, prefix + "self_attn.o_proj"));
    }
  }

  private void attend(
      double[] q, double[][] k, double[][] v, int head, int from, int to, double[] out) {
    int kvHead = head / (heads / kvHeads);
    double[] weights = new double[to + 1];
    double total = 0;
    for (int s = from; s <= to; s++) {
      double score = 0;
      for (int d = 0; d < headDim; d++) {
        score += q[head * headDim + d] * k[s][kvHead * headDim + d];
      }
      weights[s] = Math.exp(score / Math.sqrt(headDim));
      total += weights[s];
    }
    for (int s = from; s <= to; s++) {
      for (int d = 0; d < headDim; d++) {
        out[head * headDim + d] += weights[s] / total * v[s][kvHead * headDim + d];
      }
    }
  }

  private void turn(double[] all, int count, int position, String gain) {
    for (int head = 0; head < count; head++) {
      double[] values = new double[headDim];
      System.arraycopy(all, head * headDim, values, 0, headDim);
      if (model.tensorNames().contains(gain)) {
        values = norm(values, gain);
      }
      for (int i = 0; i < headDim / 2; i++) {
        double cos = Math.cos(position * frequencies[i]);
        double sin = Math.sin(position * frequencies[i]);
        double a = values[i];
        double b = values[i + headDim / 2];
        all[head * headDim + i] = a * cos - b * sin;
        all[head * headDim + i + headDim / 2] = b * cos + a * sin;
      }
    }
  }

  private void feedForward(double[][] x, String prefix) {
    for (double[] row : x) {
      double[] normed = norm(row, prefix + "post_attention_layernorm.weight");
      double[] gate = linear(normed, prefix + "mlp.gate_proj");
      double[] up = linear(normed, prefix + "mlp.up_proj");
      for (int i = 0; i < gate.length; i++) {
        gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
      }
      add(row, linear(gate, prefix + "mlp.down_proj"));
    }
  }

  private double[] norm(double[] x, String gain) {
    float[] gains = model.values(gain);
    double squares = 0;
    for (double value : x) {
      squares += value * value;
    }
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = x[i] / Math.sqrt(squares / x.length + epsilon) * gains[i];
    }
    return out;
  }

  private double[] linear(double[] x, String name) {
    double[] out = multiply(x, name + ".weight");
    if (model.tensorNames().contains(name + ".bias")) {
      float[] bias = model.values(name + ".bias");
      for (int i = 0; i < out.length; i++) {
        out[i] += bias[i];
      }
    }
    return out;
  }

  private double[] multiply(double[] x, String name) {
    float[] weight = model.values(name);
    double[] out = new double[weight.length / x.length];
    for (int row = 0; row < out.length; row++) {
      for (int i = 0; i < x.length; i++) {
        out[row] += weight[row * x.length + i] * x[i];
      }
    }
    return out;
  }

  private double[] row(String name, int row) {
    float[] table = model.values(name);
    double[] out = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      out[i] = table[row * hidden + i];
    }
    return out;
  }

  private static void add(double[] to, double[] what) {
    for (int i = 0; i < to.length; i++) {
      to[i] += what[i];
    }
  }
}
