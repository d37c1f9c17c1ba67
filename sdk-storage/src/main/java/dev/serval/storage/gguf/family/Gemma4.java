package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.ModelMetadata;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.SomeLayers;
import dev.serval.storage.gguf.architecture.StoredModel;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;
import java.util.Map;

/** Gemma 4, whose layers are of two kinds: with a window, and without. */
final class Gemma4 {
  private static final double USUAL_THETA = 10_000;

  private static final Map<String, String> NAMES =
      Map.ofEntries(
          Map.entry("layer_output_scale", "layer_scalar"),
          Map.entry("inp_gate", "per_layer_input_gate"),
          Map.entry("proj", "per_layer_projection"),
          Map.entry("post_norm", "post_per_layer_input_norm"),
          Map.entry("per_layer_token_embd", "model.embed_tokens_per_layer"),
          Map.entry("per_layer_model_proj", "model.per_layer_model_projection"),
          Map.entry("per_layer_proj_norm", "model.per_layer_projection_norm"),
          Map.entry("ffn_gate_inp", "router.proj"),
          Map.entry("ffn_gate_inp.scale", "router.scale"),
          Map.entry("ffn_down_exps.scale", "router.per_expert_scale"),
          Map.entry("post_ffw_norm_1", "post_feedforward_layernorm_1"),
          Map.entry("pre_ffw_norm_2", "pre_feedforward_layernorm_2"),
          Map.entry("post_ffw_norm_2", "post_feedforward_layernorm_2"));

  private static final Map<String, String> EXPERTS =
      Map.of(
          "ffn_gate_up_exps", "experts.%d.gate_up_proj",
          "ffn_gate_exps", "experts.%d.gate_proj",
          "ffn_up_exps", "experts.%d.up_proj",
          "ffn_down_exps", "experts.%d.down_proj");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("gemma4", "Gemma4ForCausalLM", "gemma4_text")
              .activation("gelu_pytorch_tanh")
              .names(OwnNames.END_NORMS)
              .names(NAMES)
              .keyHeads(model -> model.ofEachLayer(Keys.KEY_HEADS).getFirst())
              .width(model -> model.ofEachLayer(Keys.WIDTH).getFirst())
              .translates(Keys.LOGIT_CAP)
              .window(Windows::any)
              .experts(EXPERTS, Gemma4::experts)
              .own((model, fields) -> new Gemma4(model, fields).translate()));

  private final StoredModel model;
  private final ModelMetadata metadata;
  private final Fields fields;
  private final List<Boolean> slides;

  private Gemma4(StoredModel model, Fields fields) {
    this.model = model;
    this.fields = fields;
    metadata = model.metadata();
    slides = Windows.slides(model);
  }

  /** Beside a dense part. */
  private static void experts(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    if (experts.any()) {
      fields.put("enable_moe_block", true);
      fields.put("num_experts", experts.count());
      fields.put("top_k_experts", experts.used());
      fields.put("moe_intermediate_size", experts.width());
    }
  }

  private void translate() {
    fields.put("layer_types", Windows.types(slides));
    heads();
    widths();
    others();
    if (model.experts().any()) {
      fields.put(model.weights().expertsJoined() ? "experts_joined" : "experts_apart", true);
    }
  }

  /**
   * Sizes of heads are those of layers that see everything; of layers with a window they have names
   * of their own.
   */
  private void heads() {
    long headDim = model.headDim();
    int window = slides.indexOf(true);
    int full = slides.indexOf(false);
    if (window < 0 || full < 0) {
      throw metadata.problem(
          Keys.WINDOW_PATTERN, "is the same for all layers; some have a window and some have none");
    }
    List<Long> kvHeads = SomeLayers.numbers(metadata, Keys.KEY_HEADS, slides.size());
    requireAlike(kvHeads);
    fields.put("num_key_value_heads", kvHeads.get(window));
    fields.put("num_global_key_value_heads", kvHeads.get(full));
    fields.put("global_head_dim", headDim);
    fields.put("head_dim", windowHeadDim(headDim));
    fields.put("attention_k_eq_v", !model.weights().values().contains(full));
  }

  /** Of layers of one kind. */
  private void requireAlike(List<Long> kvHeads) {
    for (int layer = 0; layer < kvHeads.size(); layer++) {
      long first = kvHeads.get(slides.indexOf(slides.get(layer)));
      if (kvHeads.get(layer) != first) {
        throw metadata.problem(
            Keys.KEY_HEADS,
            "has %d and %d; all layers that have a window must have as many, and all others"
                .formatted(first, kvHeads.get(layer)));
      }
    }
  }

  /** Values of a layer with a window are as large as keys, and all of a key is turned. */
  private long windowHeadDim(long headDim) {
    long dim = metadata.natural("attention.key_length_swa").orElse(headDim);
    for (String name : List.of("attention.value_length_swa", "rope.dimension_count_swa")) {
      long size = metadata.natural(name).orElse(dim);
      if (size != dim) {
        throw metadata.problem(
            name,
            "is %d; it must be the size of heads of layers with a window, %d".formatted(size, dim));
      }
    }
    return dim;
  }

  /** Layers that share keys and values may be twice as wide as the others. */
  private void widths() {
    List<Long> widths = SomeLayers.numbers(metadata, Keys.WIDTH, slides.size());
    long width = widths.getFirst();
    long keeping = slides.size() - sharing();
    boolean wide = widths.getLast() == 2 * width;
    fields.put("intermediate_size", width);
    fields.put("use_double_wide_mlp", wide);
    for (int layer = 0; layer < widths.size(); layer++) {
      if (widths.get(layer) != (wide && layer >= keeping ? 2 * width : width)) {
        throw metadata.problem(
            Keys.WIDTH,
            "has %d for layer %d; all are %d, or twice that in the last %d"
                .formatted(widths.get(layer), layer, width, sharing()));
      }
    }
  }

  private void others() {
    fields.put("rope_local_base_freq", metadata.real(Keys.WINDOW_THETA, USUAL_THETA));
    fields.put("num_kv_shared_layers", sharing());
    fields.put(
        "hidden_size_per_layer_input",
        metadata.natural("embedding_length_per_layer_input").orElse(0L));
    fields.put("layer_scalars", model.weights().layerScales());
    metadata.real(Keys.LOGIT_CAP).ifPresent(cap -> fields.put("final_logit_softcapping", cap));
  }

  private long sharing() {
    return metadata.natural("attention.shared_kv_layers").orElse(0L);
  }
}
