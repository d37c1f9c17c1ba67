package dev.serval.storage.gguf.architecture;

import java.util.Map;
import java.util.function.ToLongFunction;

/** Translates what a file says of attention to one vector of a token for all heads. */
public final class LatentAttention {
  private static final String KEYS = "attention.key_length_mla";
  private static final String VALUES = "attention.value_length_mla";

  /** What its tensors are called in Hugging Face's checkpoints. */
  public static final Map<String, String> NAMES =
      Map.of(
          "attn_q_a", "self_attn.q_a_proj",
          "attn_q_a_norm", "self_attn.q_a_layernorm",
          "attn_q_b", "self_attn.q_b_proj",
          "attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa",
          "attn_kv_a_norm", "self_attn.kv_a_layernorm",
          "attn_kv_b", "self_attn.kv_b_proj",
          "attn_k_b", "self_attn.k_b_proj",
          "attn_v_b", "self_attn.v_b_proj");

  private LatentAttention() {}

  /** The step of models that say how many dimensions a head's value has. */
  public static void translate(StoredModel model, Fields fields) {
    translate(model, LatentAttention::valueDim, fields);
  }

  private static long valueDim(StoredModel model) {
    ModelMetadata metadata = model.metadata();
    return metadata.requirePositive(metadata.has(VALUES) ? VALUES : Keys.VALUE_LENGTH);
  }

  /**
   * The sizes of heads are those of what is kept, as all heads attend to it, and those of heads
   * themselves are under other names; in older files there are none of these.
   */
  public static void translate(
      StoredModel model, ToLongFunction<StoredModel> valueDim, Fields fields) {
    ModelMetadata metadata = model.metadata();
    String keys = metadata.has(KEYS) ? KEYS : Keys.KEY_LENGTH;
    long headDim = metadata.requirePositive(keys);
    long turned = metadata.requirePositive(Keys.TURNED);
    if (headDim <= turned) {
      throw metadata.problem(
          keys, "is %d; it must be more than turn, %d".formatted(headDim, turned));
    }
    fields.remove("num_key_value_heads");
    metadata
        .natural("attention.q_lora_rank")
        .filter(rank -> rank > 0)
        .ifPresent(rank -> fields.put("q_lora_rank", rank));
    fields.put("kv_lora_rank", metadata.requirePositive("attention.kv_lora_rank"));
    fields.put("qk_nope_head_dim", headDim - turned);
    fields.put("qk_rope_head_dim", turned);
    fields.put("v_head_dim", valueDim.applyAsLong(model));
    fields.put("kv_b_apart", model.weights().keysApart());
  }
}
