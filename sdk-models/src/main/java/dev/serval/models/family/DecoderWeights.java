package dev.serval.models.family;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.Weight;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A decoder-only transformer's weights on its backend.
 *
 * @param embeddings the embedding table
 * @param layers its layers, the lowest first
 * @param finalNorm the last norm
 * @param head the matrix that gives logits; the embedding table itself where they are tied
 * @param headBias what is added to them, or null
 */
record DecoderWeights(
    Weight embeddings, List<Layer> layers, Norm finalNorm, Weight head, @Nullable Weight headBias) {

  /** One layer's weights. */
  record Layer(
      @Nullable Norm attentionNorm,
      Weight qkv,
      @Nullable Weight qkvBias,
      AttentionSpec attention,
      Weight output,
      @Nullable Weight outputBias,
      @Nullable Norm attentionEndNorm,
      @Nullable Norm mlpNorm,
      FeedForward feedForward,
      @Nullable Norm mlpEndNorm) {}

  /** What a layer does with each row behind attention. */
  sealed interface FeedForward {
    /** The same for all rows. */
    record Dense(FeedForwardMaps maps) implements FeedForward {}

    /**
     * What some experts do.
     *
     * @param experts one layer of them, and another of that which all rows go to by a share
     * @param shared what all rows go to without one, or null
     */
    record Sparse(List<ExpertLayer> experts, @Nullable FeedForwardMaps shared)
        implements FeedForward {}
  }
}
