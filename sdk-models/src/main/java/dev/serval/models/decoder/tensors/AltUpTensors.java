package dev.serval.models.decoder.tensors;

import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What several streams need outside layers.
 *
 * @param begin for each stream but the first the map that makes it of the first
 * @param end likewise, the map to what they add up to
 */
public record AltUpTensors(List<List<TensorNeed>> begin, List<List<TensorNeed>> end) {
  Stream<List<TensorNeed>> all() {
    return Stream.concat(begin.stream(), end.stream());
  }

  /**
   * What a layer needs of several streams.
   *
   * @param routerNorm of the stream that the layer works on
   * @param router what makes routes of that
   * @param prediction what makes the shares of predictions of routes
   * @param correction likewise, of corrections
   * @param scale what is corrected is multiplied by, if by anything, for the layer's own input
   * @param laurel the map of low rank
   */
  public record Layer(
      NormTensors routerNorm,
      List<TensorNeed> router,
      List<TensorNeed> prediction,
      List<TensorNeed> correction,
      List<TensorNeed> scale,
      Laurel laurel) {
    Stream<List<TensorNeed>> all() {
      return Stream.of(
              routerNorm.all(), Stream.of(router, prediction, correction, scale), laurel.all())
          .flatMap(Function.identity());
    }
  }

  /**
   * What a map of low rank beside attention needs.
   *
   * @param start the norm that attention begins with, too
   * @param left its first half
   * @param right its second
   * @param end the norm of what it gives
   */
  public record Laurel(
      NormTensors start, List<TensorNeed> left, List<TensorNeed> right, NormTensors end) {
    Stream<List<TensorNeed>> all() {
      return Stream.of(start.all(), Stream.of(left, right), end.all()).flatMap(Function.identity());
    }
  }
}
