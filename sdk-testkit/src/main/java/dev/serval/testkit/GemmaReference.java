package dev.serval.testkit;

import dev.serval.api.compute.GateFunction;
import dev.serval.testkit.models.SmallModel;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * What Gemma 3n and Gemma 4 have in common, in float64, as their authors wrote it down, one
 * position after the other and with nothing stacked or cached. Knows nothing of the code under
 * test.
 */
abstract class GemmaReference {
  private static final String EMBEDDINGS = "model.embed_tokens.weight";

  final SmallModel model;
  private final IntPredicate slides;
  private final double[] windowed;
  private final double[] full;
  final int hidden;
  final int layers;
  private final int heads;
  private final double epsilon;

  /** What each layer that stores any has stored, of each position. */
  private final double[][][] keys;

  private final double[][][] values;

  /**
   * Of one sequence.
   *
   * @param slides which layers have a window
   * @param windowed how fast each pair turns in these
   * @param full how fast it does in others
   */
  GemmaReference(SmallModel model, IntPredicate slides, double[] windowed, double[] full) {
    this.model = model;
    this.slides = slides;
    this.windowed = windowed;
    this.full = full;
    hidden = size("hidden_size");
    layers = size("num_hidden_layers");
    heads = size("num_attention_heads");
    epsilon = model.number("rms_norm_eps");
    keys = new double[layers][][];
    values = new double[layers][][];
  }

  final int size(String field) {
    return (int) model.number(field);
  }

  final int sizeOr(String field, int otherwise) {
    return model.config().containsKey(field) ? size(field) : otherwise;
  }

  /** What each layer has of a token, given its embedding. */
  final double[][] inputs(int token, double[] embedding) {
    int columns = sizeOr("hidden_size_per_layer_input", 0);
    if (columns == 0) {
      return new double[0][];
    }
    boolean known = token < sizeOr("vocab_size_per_layer_input", size("vocab_size"));
    double[] table =
        known
            ? row("model.embed_tokens_per_layer.weight", token, layers * columns)
            : new double[layers * columns];
    double[] mapped =
        times(
            multiply(embedding, "model.per_layer_model_projection.weight"), 1 / Math.sqrt(hidden));
    double[][] inputs = new double[layers][];
    for (int layer = 0; layer < layers; layer++) {
      double[] own = part(table, layer, columns);
      double[] normed =
          norm(part(mapped, layer, columns), "model.per_layer_projection_norm.weight");
      inputs[layer] = times(plus(normed, times(own, Math.sqrt(columns))), 1 / Math.sqrt(2));
    }
    return inputs;
  }

  /** Itself, or the last of its kind below all those that keep nothing. */
  private int keeper(int layer) {
    int end = layers - sizeOr("num_kv_shared_layers", 0);
    int keeper = layer;
    while (keeper >= end || slides.test(keeper) != slides.test(layer)) {
      keeper--;
    }
    return keeper;
  }

  /** The dimensions of a layer's heads. */
  int dim(int layer) {
    return size("head_dim");
  }

  /** How many key heads a layer has. */
  int kvHeads(int layer) {
    return size("num_key_value_heads");
  }

  /** What a layer's values are made of, by the name of the map. */
  String valueMap(int layer) {
    return "v_proj";
  }

  /** What layers begin with of a token. */
  final double[] embedded(int token) {
    return times(row(EMBEDDINGS, token, hidden), Math.sqrt(hidden));
  }

  /** The logits of what the last layer leaves behind. */
  final double[] scores(double[] last) {
    double[] logits = multiply(norm(last, "model.norm.weight"), EMBEDDINGS);
    double cap = model.config().get("final_logit_softcapping") instanceof Double one ? one : 0;
    return cap > 0
        ? Arrays.stream(logits).map(logit -> cap * Math.tanh(logit / cap)).toArray()
        : logits;
  }

  /** What a layer makes of its own input, taken by some row. */
  final double[] given(double[] by, double[] input, String layer) {
    double[] gates = multiply(by, layer + "per_layer_input_gate.weight");
    double[] given = multiply(gated(gates, input), layer + "per_layer_projection.weight");
    return norm(given, layer + "post_per_layer_input_norm.weight");
  }

  /** Keeps keys and values of a layer that keeps some. */
  final void remember(int layer, double[][] normed) {
    if (keeper(layer) != layer) {
      return;
    }
    String attention = "model.layers." + layer + ".self_attn.";
    keys[layer] = new double[normed.length][];
    values[layer] = new double[normed.length][];
    for (int t = 0; t < normed.length; t++) {
      double[] key = multiply(normed[t], attention + "k_proj.weight");
      double[] value = multiply(normed[t], attention + valueMap(layer) + ".weight");
      keys[layer][t] = new double[key.length];
      values[layer][t] = new double[key.length];
      for (int head = 0; head < kvHeads(layer); head++) {
        put(
            turned(part(key, head, dim(layer)), layer, attention + "k_norm.weight", t),
            head,
            keys[layer][t]);
        put(unit(part(value, head, dim(layer))), head, values[layer][t]);
      }
    }
  }

  final double[] attended(int layer, double[] normed, int t) {
    String attention = "model.layers." + layer + ".self_attn.";
    int dim = dim(layer);
    int group = heads / kvHeads(layer);
    int first = slides.test(layer) ? Math.max(0, t - size("sliding_window") + 1) : 0;
    double[][] kept = keys[keeper(layer)];
    double[][] given = values[keeper(layer)];
    double[] queries = multiply(normed, attention + "q_proj.weight");
    double[] out = new double[queries.length];
    for (int head = 0; head < heads; head++) {
      int kvHead = head / group;
      double[] query = turned(part(queries, head, dim), layer, attention + "q_norm.weight", t);
      double[] shares =
          Float64.softmax(
              IntStream.rangeClosed(first, t)
                  .mapToDouble(s -> Float64.dot(query, part(kept[s], kvHead, dim)))
                  .toArray());
      double[] sum = new double[dim];
      for (int s = first; s <= t; s++) {
        sum = plus(sum, times(part(given[s], kvHead, dim), shares[s - first]));
      }
      put(sum, head, out);
    }
    return multiply(out, attention + "o_proj.weight");
  }

  /** A head, normalised and turned. */
  private double[] turned(double[] head, int layer, String gain, int position) {
    double[] frequencies = slides.test(layer) ? windowed : full;
    double[] normed = norm(head, gain);
    double[] out = normed.clone();
    for (int i = 0; i < frequencies.length; i++) {
      int other = i + frequencies.length;
      double cos = Math.cos(position * frequencies[i]);
      double sin = Math.sin(position * frequencies[i]);
      out[i] = normed[i] * cos - normed[other] * sin;
      out[other] = normed[other] * cos + normed[i] * sin;
    }
    return out;
  }

  static double[] gated(double[] gates, double[] ups) {
    double[] out = new double[gates.length];
    Arrays.setAll(out, i -> Float64.gated(GateFunction.GELU_TANH, gates[i], ups[i]));
    return out;
  }

  final double[] norm(double[] x, String gain) {
    return Float64.rmsNorm(x, model.values(gain), epsilon);
  }

  /** Normalised without gains. */
  final double[] unit(double[] x) {
    float[] ones = new float[x.length];
    Arrays.fill(ones, 1);
    return Float64.rmsNorm(x, ones, epsilon);
  }

  final double[] multiply(double[] x, String name) {
    float[] weight = model.values(name);
    double[] out = new double[weight.length / x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = Float64.dot(row(name, i, x.length), x);
    }
    return out;
  }

  final double[] row(String name, int row, int columns) {
    float[] all = model.values(name);
    return Float64.widen(Arrays.copyOfRange(all, row * columns, (row + 1) * columns));
  }

  static double[] part(double[] all, int part, int columns) {
    return Arrays.copyOfRange(all, part * columns, (part + 1) * columns);
  }

  static void put(double[] part, int index, double[] all) {
    System.arraycopy(part, 0, all, index * part.length, part.length);
  }

  static double[] plus(double[] a, double[] b) {
    double[] sum = new double[a.length];
    Arrays.setAll(sum, i -> a[i] + b[i]);
    return sum;
  }

  static double[] times(double[] x, double factor) {
    return Arrays.stream(x).map(element -> element * factor).toArray();
  }
}
