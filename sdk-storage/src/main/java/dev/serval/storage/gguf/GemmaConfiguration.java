package dev.serval.storage.gguf;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Translates what a file of Gemma 4 says of its layers, which are of two kinds. */
final class GemmaConfiguration {
  private static final double USUAL_THETA = 10_000;
  private static final String KV_HEADS = "attention.head_count_kv";

  private final Metadata metadata;
  private final Architecture architecture;
  private final List<Boolean> slides;
  private final Map<String, Object> fields = new LinkedHashMap<>();

  private GemmaConfiguration(Metadata metadata, Architecture architecture, List<Boolean> slides) {
    this.metadata = metadata;
    this.architecture = architecture;
    this.slides = slides;
  }

  /**
   * The fields of {@code config.json}.
   *
   * @param slides which layers have a window
   * @param headDim the dimensions of a head of the others
   */
  static Map<String, Object> translate(
      Metadata metadata,
      Architecture architecture,
      WeightFacts weights,
      List<Boolean> slides,
      long headDim) {
    GemmaConfiguration translation = new GemmaConfiguration(metadata, architecture, slides);
    translation.heads(weights, headDim);
    translation.widths();
    translation.others(weights);
    return translation.fields;
  }

  private String key(String name) {
    return architecture.key() + "." + name;
  }

  /**
   * Sizes of heads are those of layers that see everything; of layers with a window they have names
   * of their own.
   */
  private void heads(WeightFacts weights, long headDim) {
    int window = slides.indexOf(true);
    int full = slides.indexOf(false);
    if (window < 0 || full < 0) {
      throw metadata.problem(
          key("attention.sliding_window_pattern"),
          "is the same for all layers; some have a window and some have none");
    }
    List<Long> kvHeads = SomeLayers.numbers(metadata, key(KV_HEADS), slides.size());
    requireAlike(kvHeads);
    fields.put("num_key_value_heads", kvHeads.get(window));
    fields.put("num_global_key_value_heads", kvHeads.get(full));
    fields.put("global_head_dim", headDim);
    fields.put("head_dim", windowHeadDim(headDim));
    fields.put("attention_k_eq_v", !weights.values().contains(full));
  }

  /** Of layers of one kind. */
  private void requireAlike(List<Long> kvHeads) {
    for (int layer = 0; layer < kvHeads.size(); layer++) {
      long first = kvHeads.get(slides.indexOf(slides.get(layer)));
      if (kvHeads.get(layer) != first) {
        throw metadata.problem(
            key(KV_HEADS),
            "has %d and %d; all layers that have a window must have as many, and all others"
                .formatted(first, kvHeads.get(layer)));
      }
    }
  }

  /** Values of a layer with a window are as large as keys, and all of a key is turned. */
  private long windowHeadDim(long headDim) {
    long dim = metadata.natural(key("attention.key_length_swa")).orElse(headDim);
    for (String name : List.of("attention.value_length_swa", "rope.dimension_count_swa")) {
      long size = metadata.natural(key(name)).orElse(dim);
      if (size != dim) {
        throw metadata.problem(
            key(name),
            "is %d; it must be the size of heads of layers with a window, %d".formatted(size, dim));
      }
    }
    return dim;
  }

  /** Layers that share keys and values may be twice as wide as the others. */
  private void widths() {
    String key = key(ExpertConfiguration.DENSE_WIDTH);
    List<Long> widths = SomeLayers.numbers(metadata, key, slides.size());
    long width = widths.getFirst();
    long keeping = slides.size() - sharing();
    boolean wide = widths.getLast() == 2 * width;
    fields.put("intermediate_size", width);
    fields.put("use_double_wide_mlp", wide);
    for (int layer = 0; layer < widths.size(); layer++) {
      if (widths.get(layer) != (wide && layer >= keeping ? 2 * width : width)) {
        throw metadata.problem(
            key,
            "has %d for layer %d; all are %d, or twice that in the last %d"
                .formatted(widths.get(layer), layer, width, sharing()));
      }
    }
  }

  private void others(WeightFacts weights) {
    fields.put("hidden_act", "gelu_pytorch_tanh");
    fields.put(
        "rope_local_base_freq", metadata.real(key("rope.freq_base_swa")).orElse(USUAL_THETA));
    fields.put("num_kv_shared_layers", sharing());
    fields.put(
        "hidden_size_per_layer_input",
        metadata.natural(key("embedding_length_per_layer_input")).orElse(0L));
    fields.put("layer_scalars", weights.layerScales());
  }

  private long sharing() {
    return metadata.natural(key("attention.shared_kv_layers")).orElse(0L);
  }
}
