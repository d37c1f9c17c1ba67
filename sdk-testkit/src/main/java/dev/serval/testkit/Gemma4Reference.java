package dev.serval.testkit;

import dev.serval.api.compute.GateFunction;
import dev.serval.testkit.models.SmallModel;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Gemma 4's forward pass in float64, as its authors wrote it down, one position after the other and
 * with nothing stacked or cached. Knows nothing of the code under test.
 */
final class Gemma4Reference {
  private static final String EMBEDDINGS = "model.embed_tokens.weight";

  private final SmallModel model;
  private final IntPredicate slides;
  private final double[] windowed;
  private final double[] full;
  private final int hidden;
  private final int layers;
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
  Gemma4Reference(SmallModel model, IntPredicate slides, double[] windowed, double[] full) {
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

  private int size(String field) {
    return (int) model.number(field);
  }

  private int sizeOr(String field, int otherwise) {
    return model.config().containsKey(field) ? size(field) : otherwise;
  }

  /** The logits after each token. */
  double[][] logits(int[] tokens) {
    double[][] x = new double[tokens.length][];
    double[][][] inputs = new double[tokens.length][][];
    for (int t = 0; t < tokens.length; t++) {
      x[t] = times(row(EMBEDDINGS, tokens[t], hidden), Math.sqrt(hidden));
      inputs[t] = inputs(tokens[t], x[t]);
    }
    for (int layer = 0; layer < layers; layer++) {
      layer(layer, x, inputs);
    }
    double cap = model.config().get("final_logit_softcapping") instanceof Double one ? one : 0;
    double[][] logits = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      logits[t] = multiply(norm(x[t], "model.norm.weight"), EMBEDDINGS);
      for (int i = 0; i < logits[t].length && cap > 0; i++) {
        logits[t][i] = cap * Math.tanh(logits[t][i] / cap);
      }
    }
    return logits;
  }

  /** What each layer has of a token, given its embedding. */
  private double[][] inputs(int token, double[] embedding) {
    int columns = sizeOr("hidden_size_per_layer_input", 0);
    if (columns == 0) {
      return new double[0][];
    }
    double[] table = row("model.embed_tokens_per_layer.weight", token, layers * columns);
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

  private void layer(int layer, double[][] x, double[][][] inputs) {
    String prefix = "model.layers." + layer + ".";
    double[][] normed =
        Arrays.stream(x)
            .map(row -> norm(row, prefix + "input_layernorm.weight"))
            .toArray(double[][]::new);
    if (keeper(layer) == layer) {
      remember(layer, normed);
    }
    for (int t = 0; t < x.length; t++) {
      double[] attended = attended(layer, normed[t], t);
      double[] a = plus(x[t], norm(attended, prefix + "post_attention_layernorm.weight"));
      double[] fed = fed(norm(a, prefix + "pre_feedforward_layernorm.weight"), prefix + "mlp.");
      if (model.config().containsKey("enable_moe_block")) {
        double[] dense = norm(fed, prefix + "post_feedforward_layernorm_1.weight");
        double[] mixed = mixed(a, prefix);
        fed = plus(dense, norm(mixed, prefix + "post_feedforward_layernorm_2.weight"));
      }
      double[] y = plus(a, norm(fed, prefix + "post_feedforward_layernorm.weight"));
      if (inputs[t].length > 0) {
        double[] gates = multiply(y, prefix + "per_layer_input_gate.weight");
        double[] given =
            multiply(gated(gates, inputs[t][layer]), prefix + "per_layer_projection.weight");
        y = plus(y, norm(given, prefix + "post_per_layer_input_norm.weight"));
      }
      boolean scaled = model.holds(prefix + "layer_scalar");
      x[t] = scaled ? times(y, model.values(prefix + "layer_scalar")[0]) : y;
    }
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

  private int dim(int layer) {
    return slides.test(layer) ? size("head_dim") : size("global_head_dim");
  }

  private int kvHeads(int layer) {
    int usual = size("num_key_value_heads");
    return slides.test(layer) ? usual : sizeOr("num_global_key_value_heads", usual);
  }

  private void remember(int layer, double[][] normed) {
    String attention = "model.layers." + layer + ".self_attn.";
    boolean alike =
        Boolean.TRUE.equals(model.config().get("attention_k_eq_v")) && !slides.test(layer);
    keys[layer] = new double[normed.length][];
    values[layer] = new double[normed.length][];
    for (int t = 0; t < normed.length; t++) {
      double[] key = multiply(normed[t], attention + "k_proj.weight");
      double[] value = alike ? key : multiply(normed[t], attention + "v_proj.weight");
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

  private double[] attended(int layer, double[] normed, int t) {
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

  private double[] fed(double[] x, String mlp) {
    double[] gates = multiply(x, mlp + "gate_proj.weight");
    return multiply(gated(gates, multiply(x, mlp + "up_proj.weight")), mlp + "down_proj.weight");
  }

  /** What the experts make of a row that get it, each by its share and its own scale. */
  private double[] mixed(double[] a, String prefix) {
    double[] routed = unit(a);
    float[] scale = model.values(prefix + "router.scale");
    Arrays.setAll(routed, i -> routed[i] * scale[i] / Math.sqrt(hidden));
    double[] shares = Float64.softmax(multiply(routed, prefix + "router.proj.weight"));
    int[] best = Float64.greatest(shares, size("top_k_experts"));
    double whole = Arrays.stream(best).mapToDouble(expert -> shares[expert]).sum();
    double[] x = norm(a, prefix + "pre_feedforward_layernorm_2.weight");
    double[] sum = new double[hidden];
    for (int expert : best) {
      double by = shares[expert] / whole * model.values(prefix + "router.per_expert_scale")[expert];
      sum = plus(sum, times(expert(x, prefix + "experts.", expert), by));
    }
    return sum;
  }

  private double[] expert(double[] x, String experts, int expert) {
    int inner = size("moe_intermediate_size");
    double[] gates = new double[inner];
    double[] ups = new double[inner];
    for (int i = 0; i < inner; i++) {
      gates[i] = Float64.dot(x, row(experts + "gate_up_proj", 2 * expert * inner + i, hidden));
      ups[i] = Float64.dot(x, row(experts + "gate_up_proj", (2 * expert + 1) * inner + i, hidden));
    }
    double[] product = gated(gates, ups);
    double[] out = new double[hidden];
    Arrays.setAll(
        out, i -> Float64.dot(product, row(experts + "down_proj", expert * hidden + i, inner)));
    return out;
  }

  private static double[] gated(double[] gates, double[] ups) {
    double[] out = new double[gates.length];
    Arrays.setAll(out, i -> Float64.gated(GateFunction.GELU_TANH, gates[i], ups[i]));
    return out;
  }

  private double[] norm(double[] x, String gain) {
    return Float64.rmsNorm(x, model.values(gain), epsilon);
  }

  /** Normalised without gains. */
  private double[] unit(double[] x) {
    float[] ones = new float[x.length];
    Arrays.fill(ones, 1);
    return Float64.rmsNorm(x, ones, epsilon);
  }

  private double[] multiply(double[] x, String name) {
    float[] weight = model.values(name);
    double[] out = new double[weight.length / x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = Float64.dot(row(name, i, x.length), x);
    }
    return out;
  }

  private double[] row(String name, int row, int columns) {
    float[] all = model.values(name);
    return Float64.widen(Arrays.copyOfRange(all, row * columns, (row + 1) * columns));
  }

  private static double[] part(double[] all, int part, int columns) {
    return Arrays.copyOfRange(all, part * columns, (part + 1) * columns);
  }

  private static void put(double[] part, int index, double[] all) {
    System.arraycopy(part, 0, all, index * part.length, part.length);
  }

  private static double[] plus(double[] a, double[] b) {
    double[] sum = new double[a.length];
    Arrays.setAll(sum, i -> a[i] + b[i]);
    return sum;
  }

  private static double[] times(double[] x, double factor) {
    return Arrays.stream(x).map(element -> element * factor).toArray();
  }
}
