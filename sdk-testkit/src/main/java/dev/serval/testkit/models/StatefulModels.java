package dev.serval.testkit.models;

import dev.serval.api.compute.DType;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Small models of four layers, the second of which attends; the others carry a state along, and are
 * gated delta networks, state spaces or short convolutions.
 */
public final class StatefulModels {
  /** The gates of attention's output, which checkpoints have among the queries. */
  public static final String GATES = "self_attn.gates";

  /**
   * The parts of what a network begins with, in the order in which it has them; checkpoints have
   * some of them together.
   */
  public static final List<String> PARTS = List.of("q", "k", "v", "z", "b", "a");

  /** The sizes of a network. */
  private static final DeltaNetShape NET = new DeltaNetShape(2, 6, 8, 12, 4);

  /** The sizes of a state space. */
  public static final StateSpaceShape SPACE = new StateSpaceShape(6, 10, 2, 9, 4);

  /** The rows that a short convolution sees. */
  private static final int TAPS = 3;

  private static final int GROUP = NET.valueHeads() / NET.keyHeads();
  private static final String LINEAR = "linear_attention";
  private static final String WEIGHT = ".weight";
  private static final String PATTERN = "hybrid_override_pattern";

  private StatefulModels() {}

  /**
   * A model whose maps lie as Qwen 3.5's checkpoints have them.
   *
   * @param architecture what its configuration names
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel apart(String architecture, long seed, DType dtype, int vocabulary) {
    SmallModel model = model(architecture, seed, dtype, vocabulary);
    return eachNetwork(
        model,
        prefix -> {
          mixed(model, prefix);
          model.renamed(prefix + "b.weight", prefix + "in_proj_b.weight");
          model.renamed(prefix + "a.weight", prefix + "in_proj_a.weight");
        });
  }

  /**
   * A model whose maps lie as Qwen3-Next's checkpoints have them.
   *
   * @param architecture what its configuration names
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel together(String architecture, long seed, DType dtype, int vocabulary) {
    SmallModel model = model(architecture, seed, dtype, vocabulary);
    return eachNetwork(
        model,
        prefix -> {
          Map<String, Integer> parts = new LinkedHashMap<>();
          parts.put(prefix + "q.weight", NET.keyDim());
          parts.put(prefix + "k.weight", NET.keyDim());
          parts.put(prefix + "v.weight", GROUP * NET.valueDim());
          parts.put(prefix + "z.weight", GROUP * NET.valueDim());
          model.inTurns(prefix + "in_proj_qkvz.weight", parts);
          strengths(model, prefix);
        });
  }

  /**
   * A model whose maps lie as GGUF files of Qwen3-Next have them.
   *
   * @param architecture what its configuration names
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel sorted(String architecture, long seed, DType dtype, int vocabulary) {
    SmallModel model =
        model(architecture, seed, dtype, vocabulary).with("linear_inputs_sorted", true);
    return eachNetwork(
        model,
        prefix -> {
          mixed(model, prefix);
          strengths(model, prefix);
        });
  }

  /**
   * A model of short convolutions, as LFM2's checkpoints have it, but for feed-forward layers,
   * which are called as those of most are.
   *
   * @param architecture what its configuration names
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel convolutions(
      String architecture, long seed, DType dtype, int vocabulary) {
    Sizes sizes = sizes(vocabulary);
    int hidden = sizes.hidden();
    SmallModel model =
        SmallModel.of(architecture, seed, dtype, sizes, Extras.NONE.with(HeadNorms.EACH))
            .with("conv_L_cache", (long) TAPS)
            .with("conv_bias", false)
            .with("norm_eps", 1e-5)
            .with("block_auto_adjust_ff_dim", false)
            .with("full_attn_idxs", List.of(1L))
            .without("rms_norm_eps")
            .tied();
    eachStateful(
        model,
        layer -> {
          String conv = layer + "conv.";
          model
              .withMatrix(conv + "in_proj.weight", 3 * hidden, hidden)
              .withMatrix(conv + "conv.weight", hidden, TAPS)
              .reshaped(conv + "conv.weight", hidden, 1, TAPS)
              .withMatrix(conv + "out_proj.weight", hidden, hidden);
        });
    model.eachLayer(layer -> {
      rename(model, layer, "input_layernorm", "operator_norm");
      rename(model, layer, "post_attention_layernorm", "ffn_norm");
      rename(model, layer, "self_attn.o_proj", "self_attn.out_proj");
      rename(model, layer, "self_attn.q_norm", "self_attn.q_layernorm");
      rename(model, layer, "self_attn.k_norm", "self_attn.k_layernorm");
    });
    return model.renamed("model.norm.weight", "model.embedding_norm.weight");
  }

  /**
   * A model of state spaces, as Granite's checkpoints have it, but for feed-forward layers, which
   * are called as those of most are.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel stateSpaces(long seed, DType dtype, int vocabulary) {
    return spaces("GraniteMoeHybridForCausalLM", seed, dtype, vocabulary)
        .with("layer_types", List.of("mamba", "attention", "mamba", "mamba"))
        .with("mamba_chunk_size", 256L)
        .with("mamba_proj_bias", false)
        .with("position_embedding_type", "nope")
        .with("normalization_function", "rmsnorm");
  }

  /**
   * A model each of whose layers is a state space, attention or a feed-forward layer, as Nemotron-H
   * is in GGUF; the third is the feed-forward layer.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel ofOnePart(long seed, DType dtype, int vocabulary) {
    SmallModel model = ofOnePart(seed, dtype, vocabulary, "M*-M");
    return model
        .without(PATTERN)
        .with("layers_block_type", List.of("mamba", "attention", "mlp", "mamba"));
  }

  /**
   * Likewise, of other kinds; experts have no gates, and beside them is one that all rows go to.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @param pattern a sign for each of four layers: M, *, - or E; the second attends, and no other
   * @return the model
   */
  public static SmallModel ofOnePart(long seed, DType dtype, int vocabulary, String pattern) {
    SmallModel model =
        spaces("NemotronHForCausalLM", seed, dtype, vocabulary)
            .with("hidden_act", "relu2")
            .with(PATTERN, pattern);
    if (pattern.contains("E")) {
      ungatedExperts(model);
    }
    Sizes sizes = sizes(vocabulary);
    return model.eachLayer(layer -> {
      char kind = pattern.charAt(Integer.parseInt(layer.split("\\.", -1)[2]));
      model.withoutTensor(layer + "post_attention_layernorm" + WEIGHT);
      if (kind != 'M') {
        model.withoutTensors(layer + "mamba.");
      }
      if (kind != 'E') {
        model.withoutTensors(layer + "mlp.");
      }
      switch (kind) {
        case 'M' ->
            model.reshaped(
                layer + "mamba.norm" + WEIGHT, SPACE.groups(), SPACE.inner() / SPACE.groups());
        case '-' ->
            model
                .withMatrix(layer + "mlp.up_proj.weight", sizes.intermediate(), sizes.hidden())
                .withMatrix(layer + "mlp.down_proj.weight", sizes.hidden(), sizes.intermediate());
        default -> {}
      }
    });
  }

  /**
   * Has the tensors of a model of layers of one part be called as Nemotron-H's checkpoints have
   * them.
   *
   * @param model the model
   * @return the same
   */
  public static SmallModel withMixerNames(SmallModel model) {
    for (String name : List.copyOf(model.tensorNames())) {
      String stored =
          name.replaceFirst("^model\\.embed_tokens\\.", "backbone.embeddings.")
              .replaceFirst("^model\\.norm\\.", "backbone.norm_f.")
              .replaceFirst(
                  "^model\\.layers\\.(\\d+)\\.input_layernorm\\.", "backbone.layers.$1.norm.")
              .replaceFirst("^model\\.layers\\.(\\d+)\\.\\w+\\.", "backbone.layers.$1.mixer.");
      if (!stored.equals(name)) {
        model.renamed(name, stored);
      }
    }
    return model;
  }

  private static void ungatedExperts(SmallModel model) {
    Experts.Beside beside =
        new Experts.Beside(
            0,
            true,
            Optional.of("mlp.gate.e_score_correction_bias"),
            2.5,
            23,
            "mlp.shared_experts.",
            Optional.empty());
    Experts.Names names = Experts.Names.ungated("mlp.gate", "mlp.experts", "up_proj", "down_proj");
    model
        .withExperts(new Experts(5, 2, 19, true, false, names, beside))
        .with("n_routed_experts", 5L)
        .with("n_shared_experts", 1L)
        .with("moe_intermediate_size", 19L)
        .with("moe_shared_expert_intermediate_size", 23L)
        .with("norm_topk_prob", true)
        .with("routed_scaling_factor", 2.5);
  }

  /**
   * Has the fields of state spaces and norms be called as Nemotron-H's configurations have them.
   *
   * @param model a model of layers of one part
   * @return the same
   */
  public static SmallModel withSpaceFields(SmallModel model) {
    Map<String, String> names =
        Map.of(
            "hidden_act", "mlp_hidden_act",
            "mamba_d_conv", "conv_kernel",
            "mamba_d_head", "mamba_head_dim",
            "mamba_d_state", "ssm_state_size",
            "mamba_n_groups", "n_groups",
            "mamba_n_heads", "mamba_num_heads",
            "rms_norm_eps", "layer_norm_epsilon");
    names.forEach((from, to) -> {
      Object value = Objects.requireNonNull(model.config().get(from));
      model.without(from).with(to, value);
    });
    return model.eachLayer(layer -> {
      String norm = layer + "mamba.norm" + WEIGHT;
      if (model.holds(norm)) {
        model.reshaped(norm, SPACE.inner());
      }
    });
  }

  /**
   * A model each of whose layers attends and has a state space beside that, as Falcon-H1's
   * checkpoints have it, but for feed-forward layers and the last norm, which are called as those
   * of most are.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @return the model
   */
  public static SmallModel sideBySide(long seed, DType dtype, int vocabulary) {
    Sizes sizes = sizes(vocabulary);
    SmallModel model =
        withSpaces(
            SmallModel.of("FalconH1ForCausalLM", seed, dtype, sizes, Extras.NONE)
                .with("mamba_d_ssm", (long) SPACE.inner())
                .with("mamba_rms_norm", true)
                .with("mamba_norm_before_gate", false));
    return model.eachLayer(layer -> {
      space(model, layer, sizes);
      model.withoutTensor(layer + "post_attention_layernorm" + WEIGHT);
      model.withGains(layer + "pre_ff_layernorm" + WEIGHT, sizes.hidden());
    });
  }

  /**
   * Has the feed-forward layers and the last norm of such a model be called as they are there.
   *
   * @param model the model
   * @return the same
   */
  public static SmallModel withFalconNames(SmallModel model) {
    model.eachLayer(layer -> {
      for (String map : List.of("gate_proj", "up_proj", "down_proj")) {
        rename(model, layer, "mlp." + map, "feed_forward." + map);
      }
    });
    return model.renamed("model.norm.weight", "model.final_layernorm.weight");
  }

  private static SmallModel withSpaces(SmallModel model) {
    return model
        .with("mamba_n_heads", (long) SPACE.heads())
        .with("mamba_d_head", (long) SPACE.headDim())
        .with("mamba_n_groups", (long) SPACE.groups())
        .with("mamba_d_state", (long) SPACE.stateDim())
        .with("mamba_d_conv", (long) SPACE.taps());
  }

  private static SmallModel spaces(String architecture, long seed, DType dtype, int vocabulary) {
    Sizes sizes = sizes(vocabulary);
    SmallModel model = withSpaces(SmallModel.of(architecture, seed, dtype, sizes, Extras.NONE));
    return eachStateful(model, layer -> space(model, layer, sizes));
  }

  private static void space(SmallModel model, String layer, Sizes sizes) {
    String mamba = layer + "mamba.";
    model
        .withMatrix(mamba + "in_proj.weight", SPACE.inputColumns(), sizes.hidden())
        .withMatrix(mamba + "conv1d.weight", SPACE.channels(), SPACE.taps())
        .reshaped(mamba + "conv1d.weight", SPACE.channels(), 1, SPACE.taps())
        .withVector(mamba + "conv1d.bias", SPACE.channels())
        .withMatrix(mamba + "out_proj.weight", sizes.hidden(), SPACE.inner())
        .withVector(mamba + "A_log", SPACE.heads())
        .withVector(mamba + "D", SPACE.heads())
        .withVector(mamba + "dt_bias", SPACE.heads())
        .withVector(mamba + "norm.weight", SPACE.inner());
  }

  /**
   * Has the dense feed-forward layers of a model of short convolutions be called as they are there.
   *
   * @param model the model
   * @return the same
   */
  public static SmallModel withConvolutionNames(SmallModel model) {
    return model.eachLayer(layer -> {
      rename(model, layer, "mlp.gate_proj", "feed_forward.w1");
      rename(model, layer, "mlp.up_proj", "feed_forward.w3");
      rename(model, layer, "mlp.down_proj", "feed_forward.w2");
    });
  }

  /**
   * Has the feed-forward layers of a model of state spaces be those that all rows go to.
   *
   * @param model the model
   * @return the same
   */
  public static SmallModel withoutExperts(SmallModel model) {
    model.eachLayer(layer -> {
      model.fused(
          layer + "shared_mlp.input_linear.weight",
          layer + "mlp.gate_proj.weight",
          layer + "mlp.up_proj.weight");
      rename(model, layer, "mlp.down_proj", "shared_mlp.output_linear");
    });
    return model
        .with("num_local_experts", 0L)
        .with("num_experts_per_tok", 0L)
        .with("shared_intermediate_size", (long) model.number("intermediate_size"));
  }

  private static void rename(SmallModel model, String layer, String from, String to) {
    if (model.holds(layer + from + WEIGHT)) {
      model.renamed(layer + from + WEIGHT, layer + to + WEIGHT);
    }
  }

  /** Takes attention out of layers that do without, and puts in what is there in place of it. */
  private static SmallModel eachStateful(SmallModel model, Consumer<String> state) {
    return model.eachLayer(layer -> {
      if (!layer.contains(".1.")) {
        for (String map : List.of("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm")) {
          model.withoutTensor(layer + "self_attn." + map + WEIGHT);
        }
        state.accept(layer);
      }
    });
  }

  private static Sizes sizes(int vocabulary) {
    return new Sizes(vocabulary, 37, 53, 4, 6, 2, 16);
  }

  private static SmallModel model(String architecture, long seed, DType dtype, int vocabulary) {
    Sizes sizes = sizes(vocabulary);
    SmallModel model =
        SmallModel.of(architecture, seed, dtype, sizes, Extras.NONE.with(HeadNorms.EACH))
            .with("linear_num_key_heads", (long) NET.keyHeads())
            .with("linear_num_value_heads", (long) NET.valueHeads())
            .with("linear_key_head_dim", (long) NET.keyDim())
            .with("linear_value_head_dim", (long) NET.valueDim())
            .with("linear_conv_kernel_dim", (long) NET.taps())
            .with("attn_output_gate", true)
            .with("mamba_ssm_dtype", "float32")
            .with("layer_types", List.of(LINEAR, "full_attention", LINEAR, LINEAR));
    gates(model, "model.layers.1.", sizes);
    return eachStateful(model, layer -> network(model, layer + "linear_attn.", sizes.hidden()));
  }

  private static void gates(SmallModel model, String layer, Sizes sizes) {
    String queries = layer + "self_attn.q_proj" + WEIGHT;
    String gates = layer + GATES + WEIGHT;
    model.withMatrix(gates, sizes.heads() * sizes.headDim(), sizes.hidden());
    Map<String, Integer> parts = new LinkedHashMap<>();
    parts.put(queries, sizes.headDim());
    parts.put(gates, sizes.headDim());
    model.inTurns(queries, parts);
  }

  private static void network(SmallModel model, String prefix, int hidden) {
    model
        .withMatrix(prefix + "q.weight", NET.keyColumns(), hidden)
        .withMatrix(prefix + "k.weight", NET.keyColumns(), hidden)
        .withMatrix(prefix + "v.weight", NET.valueColumns(), hidden)
        .withMatrix(prefix + "z.weight", NET.valueColumns(), hidden)
        .withMatrix(prefix + "b.weight", NET.valueHeads(), hidden)
        .withMatrix(prefix + "a.weight", NET.valueHeads(), hidden)
        .withMatrix(prefix + "conv1d.weight", NET.channels(), NET.taps())
        .reshaped(prefix + "conv1d.weight", NET.channels(), 1, NET.taps())
        .withMatrix(prefix + "out_proj.weight", hidden, NET.valueColumns())
        .withVector(prefix + "A_log", NET.valueHeads())
        .withVector(prefix + "dt_bias", NET.valueHeads())
        .withVector(prefix + "norm.weight", NET.valueDim());
  }

  private static void mixed(SmallModel model, String prefix) {
    model.fused(
        prefix + "in_proj_qkv.weight",
        prefix + "q.weight",
        prefix + "k.weight",
        prefix + "v.weight");
    model.renamed(prefix + "z.weight", prefix + "in_proj_z.weight");
  }

  private static void strengths(SmallModel model, String prefix) {
    Map<String, Integer> parts = new LinkedHashMap<>();
    parts.put(prefix + "b.weight", GROUP);
    parts.put(prefix + "a.weight", GROUP);
    model.inTurns(prefix + "in_proj_ba.weight", parts);
  }

  private static SmallModel eachNetwork(SmallModel model, Consumer<String> change) {
    return model.eachLayer(layer -> {
      if (model.holds(layer + "linear_attn.A_log")) {
        change.accept(layer + "linear_attn.");
      }
    });
  }
}
