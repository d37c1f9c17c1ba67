package dev.serval.api.model;

import dev.serval.api.Bytes;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DType;

/**
 * What a checked checkpoint turned out to be.
 *
 * @param family the family that runs it
 * @param vocabulary how many logits a row has
 * @param contextLength how many positions it was made for
 * @param layers its layers
 * @param kvHeads key and value heads of a layer
 * @param headDim dimensions of a head
 * @param experts how many experts a feed-forward layer has; 1 where there are no experts
 * @param expertsUsed to how many of them a token goes
 * @param parameters how many parameters it has
 * @param weights the size of its tensors as stored
 */
public record ModelSpec(
    String family,
    int vocabulary,
    int contextLength,
    int layers,
    int kvHeads,
    int headDim,
    int experts,
    int expertsUsed,
    long parameters,
    Bytes weights) {
  /**
   * How its KV blocks are laid out.
   *
   * @param blockTokens tokens of a block
   * @param dtype how keys and values are kept
   * @return the layout
   */
  public KvLayout kvLayout(int blockTokens, DType dtype) {
    return new KvLayout(layers, kvHeads, headDim, blockTokens, dtype);
  }
}
