package dev.serval.storage.gguf;

import java.util.LinkedHashMap;
import java.util.Map;

/** Translates what a file says of latent attention. */
final class LatentConfiguration {
  private static final String KEYS = "attention.key_length_mla";
  private static final String VALUES = "attention.value_length_mla";

  private LatentConfiguration() {}

  /**
   * The fields of {@code config.json}. The sizes of heads are those of what is kept, as all heads
   * attend to it, and those of heads themselves are under other names; in older files there are
   * none of these.
   */
  static Map<String, Object> translate(
      Metadata metadata, Architecture architecture, WeightFacts weights) {
    String prefix = architecture.key() + ".";
    String keys = prefix + (metadata.has(prefix + KEYS) ? KEYS : "attention.key_length");
    String values = prefix + (metadata.has(prefix + VALUES) ? VALUES : "attention.value_length");
    long headDim = metadata.requirePositive(keys);
    long turned = turned(metadata, architecture);
    if (headDim <= turned) {
      throw metadata.problem(
          keys, "is %d; it must be more than turn, %d".formatted(headDim, turned));
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    metadata
        .natural(prefix + "attention.q_lora_rank")
        .filter(rank -> rank > 0)
        .ifPresent(rank -> fields.put("q_lora_rank", rank));
    fields.put("kv_lora_rank", metadata.requirePositive(prefix + "attention.kv_lora_rank"));
    fields.put("qk_nope_head_dim", headDim - turned);
    fields.put("qk_rope_head_dim", turned);
    fields.put("v_head_dim", metadata.requirePositive(values));
    fields.put("kv_b_apart", weights.keysApart());
    return fields;
  }

  /** How many dimensions of a head positions turn. */
  static long turned(Metadata metadata, Architecture architecture) {
    return metadata.requirePositive(architecture.key() + ".rope.dimension_count");
  }
}
