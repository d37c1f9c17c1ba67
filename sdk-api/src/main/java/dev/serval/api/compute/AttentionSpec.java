package dev.serval.api.compute;

import dev.serval.api.cache.KvShape;
import org.jspecify.annotations.Nullable;

/**
 * The shape and rules of one layer's attention. Its input rows are {@code [queries | keys |
 * values]}, head after head; query head h attends with key and value head {@code h / group()}.
 *
 * @param heads how many query heads there are
 * @param kvHeads how many key and value heads; divides {@code heads}
 * @param headDim the dimensions of a query's head, and of a key's
 * @param valueDim those of a value's
 * @param inputs what its input rows have
 * @param scale what scores are multiplied with before the softmax
 * @param softcap what keeps scores s small then: they become {@code softcap · tanh(s / softcap)},
 *     as in Gemma 2 (<a href="https://arxiv.org/abs/2408.00118">arXiv:2408.00118</a>); {@link
 *     #NO_SOFTCAP} for nothing
 * @param window which positions a query sees
 * @param rotary how positions turn queries and keys
 * @param normPlace whether queries and keys are normalised before they are turned or behind that
 * @param queryNorm the gain of an RMS norm over queries, or null: a vector of {@code headDim}
 *     normalises each head, one of all queries' columns all of a row's heads together, as in OLMo 2
 *     (<a href="https://arxiv.org/abs/2501.00656">arXiv:2501.00656</a>)
 * @param keyNorm the gain of an RMS norm over keys, likewise, or null; of latent attention over the
 *     dimensions that are values; of queries alone null
 * @param valueNorm the gain of an RMS norm over each head of values, a vector of {@code valueDim},
 *     or null; of latent attention and of queries alone null
 * @param normEpsilon what is added to the mean square in those norms
 * @param sinks for each query head a score that takes its share of the softmax and gives nothing
 *     for it, as in gpt-oss (<a href="https://arxiv.org/abs/2508.10925">arXiv:2508.10925</a>;
 *     neither scaled nor kept small), a vector of {@code heads}; null where there are none
 */
public record AttentionSpec(
    int heads,
    int kvHeads,
    int headDim,
    int valueDim,
    Inputs inputs,
    float scale,
    float softcap,
    AttentionWindow window,
    RotaryEmbedding rotary,
    NormPlace normPlace,
    @Nullable Weight queryNorm,
    @Nullable Weight keyNorm,
    @Nullable Weight valueNorm,
    float normEpsilon,
    @Nullable Weight sinks) {
  /** What input rows of attention have. */
  public enum Inputs {
    /** Queries, keys and values. */
    ALL,
    /**
     * Queries and keys: the first dimensions of a head's key, once they are normalised, are its
     * value, too, and positions turn those behind them (latent attention; DeepSeek-V2, <a
     * href="https://arxiv.org/abs/2405.04434">arXiv:2405.04434</a>, section 2.1).
     */
    LATENT,
    /** Queries alone: keys and values are those that another layer has stored. */
    QUERIES
  }

  /** Where queries and keys are normalised, if they are. */
  public enum NormPlace {
    /** Before positions turn them. */
    BEFORE_ROTATION,
    /** Once positions have turned them; each head by itself. */
    BEHIND_ROTATION
  }

  /** Scores may be of any size. */
  public static final float NO_SOFTCAP = Float.POSITIVE_INFINITY;

  /** So that backends can read several elements at once. */
  private static final int TOGETHER_FROM = 4;

  /** Refuses shapes that do not fit together. */
  public AttentionSpec {
    if (heads <= 0 || kvHeads <= 0 || heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          heads + " query heads cannot be shared out among " + kvHeads + " key heads");
    }
    if (keyNorm != null && keyNorm.columns() > headDim && heads * headDim % TOGETHER_FROM != 0) {
      throw new IllegalArgumentException(
          "keys that are normalised together begin at a multiple of %d columns, not at %d"
              .formatted(TOGETHER_FROM, heads * headDim));
    }
    if (valueDim < 1 || (inputs == Inputs.LATENT && valueDim > headDim)) {
      throw new IllegalArgumentException(
          "values have at least 1 dimension, latent ones no more than keys, which have %d, unlike %d"
              .formatted(headDim, valueDim));
    }
    if (inputs == Inputs.LATENT && (queryNorm != null || valueNorm != null)) {
      throw new IllegalArgumentException(
          "of latent attention's queries, keys and values only keys have a norm of their own");
    }
    if (inputs == Inputs.QUERIES && (keyNorm != null || valueNorm != null)) {
      throw new IllegalArgumentException(
          "queries alone have no norm of keys or values, which another layer has stored");
    }
    if (normPlace == NormPlace.BEHIND_ROTATION) {
      requireOfEachHead(inputs, queryNorm, headDim);
      requireOfEachHead(inputs, keyNorm, headDim);
    }
    int turned = inputs == Inputs.LATENT ? headDim - valueDim : headDim;
    if (rotary.pairs() > turned / 2) {
      throw new IllegalArgumentException(
          rotary.pairs() + " rotary pairs do not fit a head of which %d turn".formatted(turned));
    }
    if (!(softcap > 0)) {
      throw new IllegalArgumentException("a softcap of scores is above 0, not " + softcap);
    }
  }

  private static void requireOfEachHead(Inputs inputs, @Nullable Weight gain, int headDim) {
    if (gain != null && (inputs == Inputs.LATENT || gain.columns() != headDim)) {
      throw new IllegalArgumentException(
          "what is turned is normalised by heads of %d dimensions, not by %d of %s"
              .formatted(headDim, gain.columns(), inputs));
    }
  }

  /**
   * Whether values are the first dimensions of keys.
   *
   * @return true for latent attention
   */
  public boolean latent() {
    return inputs == Inputs.LATENT;
  }

  /**
   * Whether there are keys and values among the inputs.
   *
   * @return false if another layer has stored them
   */
  public boolean stores() {
    return inputs != Inputs.QUERIES;
  }

  /**
   * Whether scores are kept small.
   *
   * @return true if there is a softcap
   */
  public boolean softcapped() {
    return softcap != NO_SOFTCAP;
  }

  /**
   * Whether a gain is that of each head, and not of all of a row's heads together.
   *
   * @param gain that of queries or of keys
   * @return true if it has a head's dimensions
   */
  public boolean ofEachHead(Weight gain) {
    return latent() || gain.columns() == headDim;
  }

  /**
   * Whether each head is normalised by a gain once it is turned.
   *
   * @return true if norms come behind the rotation
   */
  public boolean normsBehindRotation() {
    return normPlace == NormPlace.BEHIND_ROTATION;
  }

  /**
   * From which dimension of a head on positions turn it.
   *
   * @return 0, or where a latent key is no value any more
   */
  public int turnedFrom() {
    return latent() ? valueDim : 0;
  }

  /**
   * What a layer of this kind keeps.
   *
   * @return its part of a KV block
   */
  public KvShape kept() {
    return new KvShape(kvHeads, headDim, valueDim, window);
  }

  /**
   * The columns of the input.
   *
   * @return those of queries, keys and values
   */
  public int inputColumns() {
    return switch (inputs) {
      case ALL -> queryColumns() + keyColumns() + kvHeads * valueDim;
      case LATENT -> queryColumns() + keyColumns();
      case QUERIES -> queryColumns();
    };
  }

  /**
   * The columns of the output.
   *
   * @return a value's dimensions for each query head
   */
  public int outputColumns() {
    return heads * valueDim;
  }

  /**
   * How many query heads attend with one key head.
   *
   * @return 1 or more
   */
  public int group() {
    return heads / kvHeads;
  }

  /**
   * The columns of the queries.
   *
   * @return heads times their dimensions
   */
  public int queryColumns() {
    return heads * headDim;
  }

  /**
   * The columns of the keys.
   *
   * @return key heads times their dimensions
   */
  public int keyColumns() {
    return kvHeads * headDim;
  }
}
