package dev.serval.storage.safetensors;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/**
 * What a matrix is stored as: several tensors whose names begin alike.
 *
 * @param raw all tensors that nobody has taken
 * @param prefix what names begin with, without a dot
 * @param first the piece by which the matrix was found
 */
record Pieces(SortedMap<String, RawTensor> raw, String prefix, RawTensor first) {
  /** Those of all matrices that have a piece of such a name. */
  static List<Pieces> all(SortedMap<String, RawTensor> raw, String suffix) {
    List<Pieces> all = new ArrayList<>();
    for (Map.Entry<String, RawTensor> one : List.copyOf(raw.entrySet())) {
      if (one.getKey().endsWith(suffix)) {
        all.add(of(raw, one.getValue(), suffix));
      }
    }
    return all;
  }

  /** Those of one, of which this piece is taken. */
  static Pieces of(SortedMap<String, RawTensor> raw, RawTensor first, String suffix) {
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
    return find(name)
        .orElseThrow(
            () -> first.problem("is there without '%s.%s', which belongs to it", prefix, name));
  }

  /** Drops a further piece if it is there and all of it is 0, as where a model has none such. */
  void dropZeros(String name) {
    RawTensor found = raw.get(prefix + "." + name);
    if (found != null && found.isZero()) {
      raw.remove(found.name());
    }
  }

  /** What the matrix is called. */
  String weight() {
    return prefix + ".weight";
  }
}
