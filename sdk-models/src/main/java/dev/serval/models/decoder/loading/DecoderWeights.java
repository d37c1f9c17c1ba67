package dev.serval.models.decoder.loading;

import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.Weight;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A decoder-only transformer's weights on its backend.
 *
 * @param embeddings the embedding table
 * @param positions that of positions, or null
 * @param inputs what makes the inputs that layers have of their own, or null
 * @param altUp what several streams have outside layers, or null
 * @param layers its layers, the lowest first
 * @param finalNorm the last norm
 * @param head the matrix that gives logits; the embedding table itself where they are tied
 * @param headBias what is added to them, or null
 */
public record DecoderWeights(
    Weight embeddings,
    @Nullable Weight positions,
    @Nullable Inputs inputs,
    @Nullable AltUp altUp,
    List<Layer> layers,
    Norm finalNorm,
    Weight head,
    @Nullable Weight headBias) {

  /**
   * What makes the inputs that layers have of their own.
   *
   * @param table a row of all layers' for each token
   * @param map what is made of a token's embedding as well
   * @param norm of each layer's part of that
   * @param factor by what the table's rows count
   */
  public record Inputs(Weight table, Weight map, Norm norm, float factor) {}

  /** What a layer makes of its own input. */
  public record Input(Weight gate, Weight output, Norm endNorm) {}

  /**
   * What makes other streams of the first, and in the end what they add up to of each.
   *
   * @param begin for each of the others a map
   * @param end likewise
   */
  public record AltUp(List<Weight> begin, List<Weight> end) {}

  /**
   * What a layer has of several streams.
   *
   * @param routerNorm of what is routed
   * @param router the map that gives routes
   * @param prediction what makes shares of predictions of these
   * @param correction likewise, of corrections
   * @param ones what is added to the latter
   * @param scale by what is multiplied what the layer's own input is taken by, or null
   * @param laurel the map of low rank beside attention
   */
  public record AltUpLayer(
      Norm routerNorm,
      Weight router,
      Weight prediction,
      Weight correction,
      Weight ones,
      @Nullable Weight scale,
      Laurel laurel) {}

  /**
   * A map of low rank.
   *
   * @param start the norm of what is added beside what the map gives
   * @param left its first half
   * @param right its second
   * @param end the norm of what it gives
   */
  public record Laurel(Norm start, Weight left, Weight right, Norm end) {}

  /** One layer's weights, and what all it gives is multiplied by. */
  public record Layer(
      @Nullable Norm attentionNorm,
      Mixer mixer,
      @Nullable Weight output,
      @Nullable Weight outputBias,
      @Nullable Norm attentionEndNorm,
      @Nullable Norm mlpNorm,
      FeedForward feedForward,
      @Nullable Norm mlpEndNorm,
      @Nullable Input input,
      @Nullable AltUpLayer altUp,
      float scale) {}

  /** How a layer mixes what tokens have. */
  public sealed interface Mixer {
    /** What attends to tokens before. */
    sealed interface Attending extends Mixer {}

    /**
     * Attention.
     *
     * @param qkv the map that gives queries, keys and values
     * @param qkvBias its bias, or null
     * @param gates the map that gives what the output is let through by, or null
     * @param gatesBias its bias, or null
     * @param spec the rules
     * @param cacheLayer which layer of the cache has its keys and values
     */
    record Attention(
        Weight qkv,
        @Nullable Weight qkvBias,
        @Nullable Weight gates,
        @Nullable Weight gatesBias,
        AttentionSpec spec,
        int cacheLayer)
        implements Attending {}

    /**
     * Latent attention.
     *
     * @param queryInputs the map that gives what queries are made of, or null if that is a row
     * @param queryNorm the norm of that, or null likewise
     * @param queries the map that gives queries
     * @param keys the map that gives what is kept
     * @param intoQueries for each head what takes its query to what is kept
     * @param spec the rules
     * @param ofValues for each head what takes what it attended to to its value
     * @param cacheLayer which layer of the cache has what is kept
     */
    record Latent(
        @Nullable Weight queryInputs,
        @Nullable Norm queryNorm,
        Weight queries,
        Weight keys,
        HeadMaps intoQueries,
        AttentionSpec spec,
        HeadMaps ofValues,
        int cacheLayer)
        implements Attending {}

    /** Not at all. */
    record None() implements Mixer {}

    /**
     * Attention, and what carries a state along, of the same rows.
     *
     * @param output the map that the latter ends with
     */
    record Beside(Attention attention, Carrying state, Weight output) implements Mixer {}

    /** What carries a state along. */
    sealed interface Carrying extends Mixer {
      /** The map that it begins with. */
      Weight inputs();

      /** Where its state begins among those of a block, in bytes. */
      int state();
    }

    /** A gated delta network. */
    record DeltaNet(Weight inputs, DeltaNetSpec spec, int state) implements Carrying {}

    /** A state space. */
    record StateSpace(Weight inputs, StateSpaceSpec spec, int state) implements Carrying {}

    /** A short convolution. */
    record ShortConvolution(Weight inputs, ShortConvolutionSpec spec, int state)
        implements Carrying {}
  }

  /** What a layer does with each row behind that. */
  public sealed interface FeedForward {
    /** Nothing. */
    record None() implements FeedForward {}

    /** The same for all rows. */
    record Dense(FeedForwardMaps maps) implements FeedForward {}

    /**
     * The same for all rows, and what some experts do, each with norms of its own.
     *
     * @param denseEndNorm of what all rows get
     * @param expertsNorm what experts begin with
     * @param expertsEndNorm of what they give
     */
    record Beside(
        FeedForwardMaps dense,
        Norm denseEndNorm,
        Norm expertsNorm,
        ExpertLayer experts,
        Norm expertsEndNorm)
        implements FeedForward {}

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
