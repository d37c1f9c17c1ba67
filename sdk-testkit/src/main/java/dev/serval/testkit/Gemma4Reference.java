package dev.serval.testkit;

import dev.serval.testkit.models.SmallModel;
import java.util.Arrays;
import java.util.function.IntPredicate;

/** Gemma 4's forward pass. */
final class Gemma4Reference extends GemmaReference {
  private final IntPredicate slides;

  /**
   * Of one sequence.
   *
   * @param slides which layers have a window
   * @param windowed how fast each pair turns in these
   * @param full how fast it does in others
   */
  Gemma4Reference(SmallModel model, IntPredicate slides, double[] windowed, double[] full) {
    super(model, slides, windowed, full);
    this.slides = slides;
  }

  /** The logits after each token. */
  double[][] logits(int[] tokens) {
    double[][] x = new double[tokens.length][];
    double[][][] inputs = new double[tokens.length][][];
    for (int t = 0; t < tokens.length; t++) {
      x[t] = embedded(tokens[t]);
      inputs[t] = inputs(tokens[t], x[t]);
    }
    for (int layer = 0; layer < layers; layer++) {
      layer(layer, x, inputs);
    }
    return Arrays.stream(x).map(this::scores).toArray(double[][]::new);
  }

  private void layer(int layer, double[][] x, double[][][] inputs) {
    String prefix = "model.layers." + layer + ".";
    double[][] normed =
        Arrays.stream(x)
            .map(row -> norm(row, prefix + "input_layernorm.weight"))
            .toArray(double[][]::new);
    remember(layer, normed);
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
        y = plus(y, given(y, inputs[t][layer], prefix));
      }
      boolean scaled = model.holds(prefix + "layer_scalar");
      x[t] = scaled ? times(y, model.values(prefix + "layer_scalar")[0]) : y;
    }
  }

  @Override
  int dim(int layer) {
    return slides.test(layer) ? size("head_dim") : size("global_head_dim");
  }

  @Override
  int kvHeads(int layer) {
    int usual = size("num_key_value_heads");
    return slides.test(layer) ? usual : sizeOr("num_global_key_value_heads", usual);
  }

  @Override
  String valueMap(int layer) {
    boolean alike = Boolean.TRUE.equals(model.config().get("attention_k_eq_v"));
    return alike && !slides.test(layer) ? "k_proj" : "v_proj";
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
}
