package dev.serval.models.decoder.traits;

/**
 * What tensors outside layers are called, without {@code .weight} or {@code .bias}, and what those
 * within begin with.
 *
 * @param embeddings the embedding table
 * @param layers what comes before a layer's number
 * @param head what gives logits
 */
public record OuterNames(String embeddings, String layers, String head) {
  /** As Llama's. */
  static final OuterNames USUAL = new OuterNames("model.embed_tokens", "model.layers.", "lm_head");
}
