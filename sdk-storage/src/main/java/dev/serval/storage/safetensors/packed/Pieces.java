package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.RawTensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * What a matrix is stored as: several tensors whose names begin alike.
 *
 * @param raw all tensors that nobody has taken
 * @param prefix what names begin with, without a dot
 * @param first the piece by which the matrix was found
 */
record Pieces(SortedMap<String, RawTensor> raw, String prefix, RawTensor first) {
  /**
   * Takes all matrices that have a piece of such a name.
   *
   * @param raw all tensors that nobody has taken
   * @param suffix how the names of such pieces end
   * @param which which of those of such a name are one
   * @param matrix makes a matrix of its pieces
   * @param made gets the matrices
   */
  static void unpack(
      SortedMap<String, RawTensor> raw,
      String suffix,
      Predicate<RawTensor> which,
      Function<Pieces, GroupedIntegers> matrix,
      Map<String, Supplier<StoredTensor>> made) {
    for (RawTensor tensor : List.copyOf(raw.values())) {
      if (tensor.name().endsWith(suffix) && which.test(tensor)) {
        Pieces pieces = of(raw, tensor, suffix);
        GroupedIntegers integers = matrix.apply(pieces);
        String name = pieces.prefix + ".weight";
        made.put(name, () -> integers.named(name));
      }
    }
  }

  /** Those of one, of which this piece is taken. */
  private static Pieces of(SortedMap<String, RawTensor> raw, RawTensor first, String suffix) {
    raw.remove(first.name());
    String name = first.name();
    return new Pieces(raw, name.substring(0, name.length() - suffix.length()), first);
  }

  /** Takes a further piece, if it is there. */
  Optional<RawTensor> find(String name) {
    return Optional.ofNullable(raw.remove(prefix + "." + name));
  }

  /** Takes a further piece. */
  RawTensor take(String name) {
    return find(name).orElseThrow(() -> first.without(prefix + "." + name));
  }

  /** Drops a further piece if it is there and all of it is 0, as where a model has none such. */
  void dropZeros(String name) {
    RawTensor found = raw.get(prefix + "." + name);
    if (found != null && found.isZero()) {
      raw.remove(found.name());
    }
  }
}
