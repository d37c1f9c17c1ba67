package dev.serval.testkit;

import dev.serval.testkit.models.SmallModel;
import java.util.Arrays;
import java.util.function.IntPredicate;

/** Gemma 3n's forward pass. */
final class Gemma3nReference extends GemmaReference {
  private final int streams;
  private final int active;

  /** How many standard deviations above the mean the least gates of each layer are. */
  private final double[] sparsity;

  /**
   * Of one sequence.
   *
   * @param slides which layers have a window
   * @param windowed how fast each pair turns in these
   * @param full how fast it does in others
   */
  Gemma3nReference(
      SmallModel model, IntPredicate slides, double[] windowed, double[] full, double... sparsity) {
    super(model, slides, windowed, full);
    streams = size("altup_num_inputs");
    active = size("altup_active_idx");
    this.sparsity = sparsity;
  }

  /** The logits after each token. */
  double[][] logits(int[] tokens) {
    double[][][] h = new double[tokens.length][][];
    double[][][] inputs = new double[tokens.length][][];
    for (int t = 0; t < tokens.length; t++) {
      double[] embedding = embedded(tokens[t]);
      inputs[t] = inputs(tokens[t], embedding);
      h[t] = begun(embedding);
    }
    for (int layer = 0; layer < layers; layer++) {
      layer(layer, h, inputs);
    }
    return Arrays.stream(h).map(all -> scores(merged(all))).toArray(double[][]::new);
  }

  private double[][] begun(double[] embedding) {
    double[][] all = new double[streams][];
    all[0] = embedding;
    for (int i = 1; i < streams; i++) {
      all[i] = like(embedding, multiply(embedding, map("altup_projections", i)));
    }
    return all;
  }

  private double[] merged(double[][] all) {
    double[] sum = all[0];
    for (int i = 1; i < streams; i++) {
      sum = plus(sum, like(all[0], multiply(all[i], map("altup_unembed_projections", i))));
    }
    return times(sum, 1.0 / streams);
  }

  private static String map(String name, int stream) {
    return "model.%s.%d.weight".formatted(name, stream - 1);
  }

  private static double[] like(double[] wanted, double[] x) {
    return times(x, Math.sqrt(meanSquare(wanted) / Math.max(meanSquare(x), 1e-5)));
  }

  private static double meanSquare(double[] x) {
    return Float64.dot(x, x) / x.length;
  }

  private void layer(int layer, double[][][] h, double[][][] inputs) {
    String prefix = "model.layers." + layer + ".";
    double[][] normed = new double[h.length][];
    for (int t = 0; t < h.length; t++) {
      h[t] = predicted(h[t], prefix);
      normed[t] = norm(h[t][active], prefix + "input_layernorm.weight");
    }
    remember(layer, normed);
    for (int t = 0; t < h.length; t++) {
      double[] attended = attended(layer, normed[t], t);
      double[] a = plus(h[t][active], norm(attended, prefix + "post_attention_layernorm.weight"));
      double[] b = times(plus(a, laurel(normed[t], prefix)), 1 / Math.sqrt(2));
      double[] fed = fed(norm(b, prefix + "pre_feedforward_layernorm.weight"), layer, prefix);
      double[] made = plus(b, norm(fed, prefix + "post_feedforward_layernorm.weight"));
      h[t] = corrected(h[t], made, prefix);
      double[] own = given(scaled(h[t][active], prefix), inputs[t][layer], prefix);
      for (int i = 1; i < streams; i++) {
        h[t][i] = plus(h[t][i], own);
      }
    }
  }

  private double[] route(double[] x, String prefix) {
    double[] normed = times(norm(x, prefix + "altup.router_norm.weight"), 1.0 / hidden);
    return Arrays.stream(multiply(normed, prefix + "altup.modality_router.weight"))
        .map(Math::tanh)
        .toArray();
  }

  private double[][] predicted(double[][] all, String prefix) {
    double[] shares =
        multiply(route(all[active], prefix), prefix + "altup.prediction_coefs.weight");
    double[][] out = new double[streams][];
    for (int i = 0; i < streams; i++) {
      out[i] = all[i];
      for (int j = 0; j < streams; j++) {
        out[i] = plus(out[i], times(all[j], shares[i * streams + j]));
      }
    }
    return out;
  }

  private double[][] corrected(double[][] predicted, double[] made, String prefix) {
    double[] route = route(made, prefix);
    double clip = model.config().get("altup_coef_clip") instanceof Double one ? one : 1e9;
    float[] weights = model.values(prefix + "altup.correction_coefs.weight");
    double[] innovation = plus(made, times(predicted[active], -1));
    double[][] out = new double[streams][];
    for (int i = 0; i < streams; i++) {
      double share = 1;
      for (int j = 0; j < streams; j++) {
        share += Math.clamp(weights[i * streams + j], -clip, clip) * route[j];
      }
      out[i] = plus(predicted[i], times(innovation, share));
    }
    return out;
  }

  private double[] scaled(double[] x, String prefix) {
    if (Boolean.FALSE.equals(model.config().get("altup_correct_scale"))) {
      return x;
    }
    float[] scale = model.values(prefix + "altup.correct_output_scale");
    double[] out = x.clone();
    Arrays.setAll(out, i -> out[i] * scale[i]);
    return out;
  }

  private double[] laurel(double[] normed, String prefix) {
    double[] left = multiply(normed, prefix + "laurel.linear_left.weight");
    double[] right = multiply(left, prefix + "laurel.linear_right.weight");
    return plus(normed, norm(right, prefix + "laurel.post_laurel_norm.weight"));
  }

  private double[] fed(double[] x, int layer, String prefix) {
    double[] gates = multiply(x, prefix + "mlp.gate_proj.weight");
    if (sparsity[layer] > Double.NEGATIVE_INFINITY) {
      gates = Float64.sparse(gates, sparsity[layer]);
    }
    double[] ups = multiply(x, prefix + "mlp.up_proj.weight");
    return multiply(gated(gates, ups), prefix + "mlp.down_proj.weight");
  }
}
