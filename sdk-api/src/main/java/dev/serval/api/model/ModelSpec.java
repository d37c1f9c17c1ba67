package dev.serval.api.model;

import dev.serval.api.Bytes;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.DType;
import java.util.List;

/**
 * What a checked checkpoint turned out to be.
 *
 * @param family the family that runs it
 * @param vocabulary how many logits a row has
 * @param contextLength how many positions it was made for
 * @param layers its layers
 * @param sharingLayers how many of the last ones attend to keys and values that others have stored,
 *     and so have work for those rows alone that logits are wanted of
 * @param kvLayers what each of those that keep keys and values has of a token
 * @param stateBytes how much the others keep of a sequence, however long it is; 0 if there are none
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
    int sharingLayers,
    List<KvShape> kvLayers,
    long stateBytes,
    int experts,
    int expertsUsed,
    long parameters,
    Bytes weights) {
  private static final int BLOCK_TOKENS = 16;
  private static final int MOST_BLOCK_TOKENS = 1024;

  /** Keeps what it is given as it is. */
  public ModelSpec {
    kvLayers = List.copyOf(kvLayers);
  }

  /**
   * How many tokens a block holds if nobody says otherwise: so many that the state which each block
   * keeps takes about as much as its keys and values, up to 1,024.
   *
   * @param dtype how keys and values are kept
   * @return 16 where no layer keeps a state, else a larger power of two
   */
  public int usualBlockTokens(DType dtype) {
    int tokens = BLOCK_TOKENS;
    while (tokens < MOST_BLOCK_TOKENS && kvLayout(tokens, dtype).stateOffset() < stateBytes) {
      tokens *= 2;
    }
    return tokens;
  }

  /**
   * How its KV blocks are laid out.
   *
   * @param blockTokens tokens of a block
   * @param dtype how keys and values are kept
   * @return the layout
   */
  public KvLayout kvLayout(int blockTokens, DType dtype) {
    return new KvLayout(kvLayers, blockTokens, dtype, stateBytes);
  }
}
