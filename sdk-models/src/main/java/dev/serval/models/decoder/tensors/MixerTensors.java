package dev.serval.models.decoder.tensors;

import dev.serval.models.decoder.traits.DeltaNetTraits;
import dev.serval.models.decoder.traits.LatentTraits;
import dev.serval.models.decoder.traits.ShortConvolutionTraits;
import dev.serval.models.decoder.traits.StateSpaceTraits;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** What a layer needs to mix what tokens have, but for the map that this ends with. */
public sealed interface MixerTensors {
  Stream<List<TensorNeed>> all();

  /**
   * Attention.
   *
   * @param gates what its output is let through by, if by anything
   */
  record Attention(
      List<TensorNeed> qkv,
      List<TensorNeed> qkvBias,
      List<TensorNeed> gates,
      List<TensorNeed> gatesBias,
      List<TensorNeed> queryNorm,
      List<TensorNeed> keyNorm,
      List<TensorNeed> sinks)
      implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(qkv, qkvBias, gates, gatesBias, queryNorm, keyNorm, sinks);
    }
  }

  /**
   * Latent attention.
   *
   * @param queryInputs the map that gives what queries are made of, if that is not a row itself
   * @param queryNorm the norm of it
   * @param keys the map that gives what is kept, and what positions turn of it
   * @param keyMaps for each head what would make its key of that
   * @param valueMaps for each head what makes its value of it
   */
  record Latent(
      LatentTraits traits,
      List<TensorNeed> queryInputs,
      List<TensorNeed> queryNorm,
      List<TensorNeed> queries,
      List<TensorNeed> keys,
      List<TensorNeed> keyNorm,
      List<List<TensorNeed>> keyMaps,
      List<List<TensorNeed>> valueMaps)
      implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.concat(
          Stream.of(queryInputs, queryNorm, queries, keys, keyNorm),
          Stream.concat(keyMaps.stream(), valueMaps.stream()));
    }
  }

  /** What carries a state along. */
  sealed interface Carrying extends MixerTensors {}

  /**
   * Attention, and what carries a state along beside it.
   *
   * @param output the map that the latter ends with
   */
  record Beside(Attention attention, Carrying state, List<TensorNeed> output)
      implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(attention.all(), state.all(), Stream.of(output))
          .flatMap(Function.identity());
    }
  }

  /** A gated delta network. */
  record DeltaNet(
      DeltaNetTraits traits,
      List<TensorNeed> inputs,
      List<TensorNeed> convolution,
      List<TensorNeed> decay,
      List<TensorNeed> timeBias,
      List<TensorNeed> norm)
      implements Carrying {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(inputs, convolution, decay, timeBias, norm);
    }
  }

  /**
   * A state space.
   *
   * @param steps what gives time steps, if {@code inputs} do not
   */
  record StateSpace(
      StateSpaceTraits traits,
      List<TensorNeed> inputs,
      List<TensorNeed> steps,
      List<TensorNeed> convolution,
      List<TensorNeed> convolutionBias,
      List<TensorNeed> decay,
      List<TensorNeed> timeBias,
      List<TensorNeed> skip,
      List<TensorNeed> norm)
      implements Carrying {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(inputs, steps, convolution, convolutionBias, decay, timeBias, skip, norm);
    }
  }

  /** A short convolution. */
  record ShortConvolution(
      ShortConvolutionTraits traits, List<TensorNeed> inputs, List<TensorNeed> kernel)
      implements Carrying {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of(inputs, kernel);
    }
  }

  /** Nothing: the layer is a feed-forward layer alone. */
  record None() implements MixerTensors {
    @Override
    public Stream<List<TensorNeed>> all() {
      return Stream.of();
    }
  }
}
