package dev.serval.testkit;

import dev.serval.testkit.models.SmallModel;
import java.util.Arrays;
import java.util.function.BiFunction;

/**
 * A layer's latent attention in float64 as attention of many heads: each head has keys and values
 * of its own, which are made anew of every row, and nothing is kept. Knows nothing of the code
 * under test.
 */
final class LatentReference {
  /** The map that makes all heads' keys and values, within a layer. */
  static final String HEADS = "self_attn.kv_b_proj";

  private final SmallModel model;
  private final String layer;
  private final double[] frequencies;
  private final double factor;
  private final boolean neighbours;
  private final int heads;
  private final int rank;
  private final int unturned;
  private final int turned;
  private final int valueDim;

  /**
   * A layer.
   *
   * @param layer what its tensors' names begin with
   * @param frequencies how fast each pair turns
   * @param factor what is turned is multiplied by
   * @param neighbours whether neighbours are turned together, and not the two halves
   */
  LatentReference(
      SmallModel model, String layer, double[] frequencies, double factor, boolean neighbours) {
    this.model = model;
    this.layer = layer;
    this.frequencies = frequencies;
    this.factor = factor;
    this.neighbours = neighbours;
    heads = size("num_attention_heads");
    rank = size("kv_lora_rank");
    unturned = size("qk_nope_head_dim");
    turned = size("qk_rope_head_dim");
    valueDim = size("v_head_dim");
  }

  private int size(String field) {
    return (int) model.number(field);
  }

  /**
   * What all heads give, before the last map.
   *
   * @param rows a sequence's, normalised
   * @param scale what scores are multiplied by
   * @param norm the norm of a row by the gains of that name
   */
  double[][] of(double[][] rows, double scale, BiFunction<double[], String, double[]> norm) {
    int length = rows.length;
    double[][][] queries = new double[heads][length][];
    double[][][] keys = new double[heads][length][];
    double[][][] values = new double[heads][length][];
    for (int t = 0; t < length; t++) {
      double[] ofQueries = queries(rows[t], norm);
      double[] kept = linear(rows[t], "self_attn.kv_a_proj_with_mqa");
      double[] latent =
          norm.apply(Arrays.copyOf(kept, rank), layer + "self_attn.kv_a_layernorm.weight");
      double[] shared = turn(Arrays.copyOfRange(kept, rank, rank + turned), t);
      double[] made = linear(latent, HEADS);
      for (int head = 0; head < heads; head++) {
        double[] query = part(ofQueries, head * (unturned + turned), unturned + turned);
        double[] last = turn(part(query, unturned, turned), t);
        queries[head][t] = joined(part(query, 0, unturned), last);
        int from = head * (unturned + valueDim);
        keys[head][t] = joined(part(made, from, unturned), shared);
        values[head][t] = part(made, from + unturned, valueDim);
      }
    }
    double[][] out = new double[length][heads * valueDim];
    for (int head = 0; head < heads; head++) {
      for (int t = 0; t < length; t++) {
        double[] given = attend(queries[head][t], keys[head], values[head], t, scale);
        System.arraycopy(given, 0, out[t], head * valueDim, valueDim);
      }
    }
    return out;
  }

  private double[] queries(double[] row, BiFunction<double[], String, double[]> norm) {
    if (!model.holds(layer + "self_attn.q_a_proj.weight")) {
      return linear(row, "self_attn.q_proj");
    }
    double[] fewer = linear(row, "self_attn.q_a_proj");
    return linear(
        norm.apply(fewer, layer + "self_attn.q_a_layernorm.weight"), "self_attn.q_b_proj");
  }

  private static double[] attend(
      double[] query, double[][] keys, double[][] values, int last, double scale) {
    double[] scores = new double[last + 1];
    for (int s = 0; s <= last; s++) {
      scores[s] = scale * Float64.dot(query, keys[s]);
    }
    double[] shares = Float64.softmax(scores);
    double[] out = new double[values[last].length];
    for (int s = 0; s <= last; s++) {
      for (int i = 0; i < out.length; i++) {
        out[i] += shares[s] * values[s][i];
      }
    }
    return out;
  }

  private double[] turn(double[] given, int position) {
    double[] out = given.clone();
    int pairs = frequencies.length;
    for (int i = 0; i < pairs; i++) {
      double cos = factor * Math.cos(position * frequencies[i]);
      double sin = factor * Math.sin(position * frequencies[i]);
      int first = neighbours ? 2 * i : i;
      int second = neighbours ? 2 * i + 1 : i + pairs;
      out[first] = given[first] * cos - given[second] * sin;
      out[second] = given[second] * cos + given[first] * sin;
    }
    return out;
  }

  private double[] linear(double[] row, String map) {
    float[] weight = model.values(layer + map + ".weight");
    double[] out = new double[weight.length / row.length];
    for (int i = 0; i < weight.length; i++) {
      out[i / row.length] += weight[i] * row[i % row.length];
    }
    return out;
  }

  private static double[] part(double[] all, int from, int length) {
    return Arrays.copyOfRange(all, from, from + length);
  }

  private static double[] joined(double[] first, double[] second) {
    double[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }
}
