package dev.serval.api.model;

import dev.serval.api.Bytes;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.StateShape;
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
 * @param states what the others keep of a sequence
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
    StateShape states,
    int experts,
    int expertsUsed,
    long parameters,
    Bytes weights) {
  private static final int BLOCK_TOKENS = 16;
  private static final int MOST_BLOCK_TOKENS = 1024;
  private static final int MOST_STATE_GROUPS = 15;

  /** Keeps what it is given as it is. */
  public ModelSpec {
    kvLayers = List.copyOf(kvLayers);
  }

  /**
   * How many tokens a block holds if nobody says otherwise: so many that their keys and values take
   * as much as the states of a few layers, which are then in no more than 15 blocks; up to 1,024.
   *
   * @param dtype how keys and values are kept
   * @return 16 where no layer keeps a state, else a multiple of it
   */
  public int usualBlockTokens(DType dtype) {
    long together = Math.ceilDiv(states.layers(), MOST_STATE_GROUPS) * states.bytes();
    long bytes = kvLayout(BLOCK_TOKENS, dtype).tokenBytes() * BLOCK_TOKENS;
    int most = MOST_BLOCK_TOKENS / BLOCK_TOKENS;
    return Math.clamp(Math.ceilDiv(together, bytes), 1, most) * BLOCK_TOKENS;
  }

  /**
   * How its KV blocks are laid out.
   *
   * @param blockTokens tokens of a block
   * @param dtype how keys and values are kept
   * @return the layout
   */
  public KvLayout kvLayout(int blockTokens, DType dtype) {
    return new KvLayout(kvLayers, blockTokens, dtype, states);
  }
}
