package dev.serval.testkit;

import dev.serval.api.compute.GateFunction;
import dev.serval.testkit.models.SmallModel;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Llama 4's forward pass in float64, as its authors wrote it down, one position after the other and
 * with nothing stacked or cached. Knows nothing of the code under test.
 */
final class Llama4Reference {
  private final SmallModel model;
  private final double[] frequencies;
  private final List<Boolean> turning;
  private final int heads;
  private final int headDim;
  private final int chunk;
  private final double epsilon;

  /**
   * Of one model.
   *
   * @param frequencies how fast each pair turns
   * @param turning in which layers they do, where a query sees its chunk alone
   */
  Llama4Reference(SmallModel model, double[] frequencies, List<Boolean> turning) {
    this.model = model;
    this.frequencies = frequencies;
    this.turning = turning;
    heads = size("num_attention_heads");
    headDim = size("head_dim");
    chunk = size("attention_chunk_size");
    epsilon = model.number("rms_norm_eps");
  }

  private int size(String field) {
    return (int) model.number(field);
  }

  private boolean set(String field) {
    return !Boolean.FALSE.equals(model.config().get(field));
  }

  /** The logits after each token. */
  double[][] logits(int[] tokens) {
    int hidden = size("hidden_size");
    double[][] x =
        Arrays.stream(tokens)
            .mapToObj(token -> row("model.embed_tokens.weight", token, hidden))
            .toArray(double[][]::new);
    for (int layer = 0; layer < turning.size(); layer++) {
      layer(layer, x);
    }
    return Arrays.stream(x)
        .map(row -> multiply(norm(row, "model.norm.weight"), "lm_head.weight"))
        .toArray(double[][]::new);
  }

  private void layer(int layer, double[][] x) {
    String prefix = "model.layers." + layer + ".";
    double[][] normed =
        Arrays.stream(x)
            .map(row -> norm(row, prefix + "input_layernorm.weight"))
            .toArray(double[][]::new);
    double[][] attended = attended(layer, normed);
    for (int t = 0; t < x.length; t++) {
      double[] a = plus(x[t], attended[t]);
      double[] start = norm(a, prefix + "post_attention_layernorm.weight");
      boolean mixes = model.holds(prefix + "feed_forward.router.weight");
      double[] fed =
          mixes ? mixed(start, prefix + "feed_forward.") : fed(start, prefix + "feed_forward.", 1);
      x[t] = plus(a, fed);
    }
  }

  private double[][] attended(int layer, double[][] normed) {
    String attention = "model.layers." + layer + ".self_attn.";
    double[][] queries = new double[normed.length][];
    double[][] keys = new double[normed.length][];
    double[][] values = new double[normed.length][];
    for (int t = 0; t < normed.length; t++) {
      queries[t] = multiply(normed[t], attention + "q_proj.weight");
      keys[t] = multiply(normed[t], attention + "k_proj.weight");
      values[t] = multiply(normed[t], attention + "v_proj.weight");
      if (turning.get(layer)) {
        turn(queries[t], t);
        turn(keys[t], t);
      } else if (set("attn_temperature_tuning")) {
        double floor = Math.floor((t + 1) / model.number("floor_scale"));
        queries[t] = times(queries[t], Math.log(floor + 1) * model.number("attn_scale") + 1);
      }
    }
    double[][] out = new double[normed.length][];
    for (int t = 0; t < normed.length; t++) {
      int first = turning.get(layer) ? t / chunk * chunk : 0;
      out[t] = multiply(attend(queries[t], keys, values, first, t), attention + "o_proj.weight");
    }
    return out;
  }

  /** Turns neighbours of each head, and normalises it. */
  private void turn(double[] all, int position) {
    for (int from = 0; from < all.length; from += headDim) {
      for (int i = 0; i < headDim / 2; i++) {
        double cos = Math.cos(position * frequencies[i]);
        double sin = Math.sin(position * frequencies[i]);
        double a = all[from + 2 * i];
        double b = all[from + 2 * i + 1];
        all[from + 2 * i] = a * cos - b * sin;
        all[from + 2 * i + 1] = a * sin + b * cos;
      }
      double[] head = Arrays.copyOfRange(all, from, from + headDim);
      double size = Math.sqrt(Float64.dot(head, head) / headDim + epsilon);
      for (int i = 0; i < headDim && set("use_qk_norm"); i++) {
        all[from + i] /= size;
      }
    }
  }

  private double[] attend(double[] query, double[][] keys, double[][] values, int first, int t) {
    double[] out = new double[query.length];
    for (int head = 0; head < heads; head++) {
      int kvHead = head * keys[0].length / query.length;
      double[] own = part(query, head);
      double[] shares =
          Float64.softmax(
              IntStream.rangeClosed(first, t)
                  .mapToDouble(s -> Float64.dot(own, part(keys[s], kvHead)) / Math.sqrt(headDim))
                  .toArray());
      for (int s = first; s <= t; s++) {
        for (int i = 0; i < headDim; i++) {
          out[head * headDim + i] += shares[s - first] * values[s][kvHead * headDim + i];
        }
      }
    }
    return out;
  }

  /** Experts begin with a row times its score, and the shared one with the row. */
  private double[] mixed(double[] x, String mlp) {
    double[] products = multiply(x, mlp + "router.weight");
    double[] sum = fed(x, mlp + "shared_expert.", 1);
    for (int expert : Float64.greatest(products, size("num_experts_per_tok"))) {
      sum = plus(sum, fed(x, mlp + "experts." + expert + ".", Float64.sigmoid(products[expert])));
    }
    return sum;
  }

  private double[] fed(double[] x, String maps, double factor) {
    double[] in = times(x, factor);
    double[] gates = multiply(in, maps + "gate_proj.weight");
    double[] ups = multiply(in, maps + "up_proj.weight");
    Arrays.setAll(ups, i -> Float64.gated(GateFunction.SILU, gates[i], ups[i]));
    return multiply(ups, maps + "down_proj.weight");
  }

  private double[] part(double[] all, int head) {
    return Arrays.copyOfRange(all, head * headDim, (head + 1) * headDim);
  }

  private double[] norm(double[] x, String gain) {
    return Float64.rmsNorm(x, model.values(gain), epsilon);
  }

  private double[] multiply(double[] x, String name) {
    int rows = model.values(name).length / x.length;
    return IntStream.range(0, rows)
        .mapToDouble(row -> Float64.dot(x, row(name, row, x.length)))
        .toArray();
  }

  private double[] row(String name, int row, int columns) {
    float[] all = model.values(name);
    return Float64.widen(Arrays.copyOfRange(all, row * columns, (row + 1) * columns));
  }

  private static double[] plus(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] + b[i]).toArray();
  }

  private static double[] times(double[] a, double factor) {
    return Arrays.stream(a).map(element -> element * factor).toArray();
  }
}
