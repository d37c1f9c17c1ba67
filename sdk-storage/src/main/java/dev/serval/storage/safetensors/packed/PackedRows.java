package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.RawTensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Supplier;

/**
 * Weights as <a href="https://github.com/vllm-project/compressed-tensors">compressed-tensors</a>
 * packs them: words hold numbers of a row side by side, zeros those of several rows.
 *
 * @param bits how many bits a number has, 4 or 8
 * @param groupSize how many columns have a scale in common
 * @param symmetric whether zeros are in the middle, and not stored
 */
record PackedRows(int bits, int groupSize, boolean symmetric) implements Unpacking {
  private static final String WORDS = ".weight_packed";

  @Override
  public void unpack(SortedMap<String, RawTensor> raw, Map<String, Supplier<StoredTensor>> made) {
    Pieces.unpack(raw, WORDS, _ -> true, this::matrix, made);
  }

  private GroupedIntegers matrix(Pieces pieces) {
    RawTensor words = pieces.first().requireDimensions(2);
    pieces
        .find("weight_g_idx")
        .ifPresent(indices -> {
          throw indices.problem("is there; columns must be in the order of their groups");
        });
    pieces.find("weight_shape");
    int perWord = PackedIntegers.perWord(bits);
    long rows = words.shape().getFirst();
    long across = words.shape().getLast();
    long columns = across * perWord;
    long groups = GroupedIntegers.groups(columns, groupSize);
    Optional<PackedIntegers> zeros =
        symmetric
            ? Optional.empty()
            : Optional.of(
                PackedIntegers.of(
                    pieces.take("weight_zero_point"), bits, Math.ceilDiv(rows, perWord), groups));
    Stored stored =
        new Stored(
            PackedIntegers.of(words, bits, rows, across),
            zeros,
            pieces.take("weight_scale").requireShape(List.of(rows, groups)).stored(),
            groups);
    return GroupedIntegers.of(words, stored, rows, columns, groupSize, bits, symmetric);
  }

  /** What a matrix is made of. */
  private record Stored(
      PackedIntegers words, Optional<PackedIntegers> zeros, StoredTensor scales, long groups)
      implements GroupedIntegers.Numbers {
    @Override
    public void read(long row, long column, int[] numbers) {
      int perWord = words.perWord();
      for (int i = 0; i < numbers.length; i++) {
        int word = words.word(row, (column + i) / perWord);
        numbers[i] = words.number(word, i % perWord);
      }
    }

    @Override
    public int zero(long row, long group) {
      if (zeros.isEmpty()) {
        return GroupedIntegers.middle(words.bits());
      }
      PackedIntegers stored = zeros.get();
      int perWord = stored.perWord();
      return stored.number(stored.word(row / perWord, group), row % perWord);
    }

    @Override
    public float scale(long row, long group) {
      return scales.element(row * groups + group);
    }
  }
}
