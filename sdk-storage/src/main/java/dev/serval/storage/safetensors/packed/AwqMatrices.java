package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.RawTensor;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Supplier;

/**
 * Weights as AWQ leaves them (<a href="https://arxiv.org/abs/2306.00978">arXiv:2306.00978</a>):
 * words hold numbers of eight rows, the even ones before the odd ones; columns lie one below the
 * other.
 *
 * @param groupSize how many columns have a scale in common
 */
record AwqMatrices(int groupSize) implements Unpacking {
  private static final String WORDS = ".qweight";
  private static final int BITS = 4;
  private static final int PER_WORD = PackedIntegers.perWord(BITS);

  @Override
  public void unpack(SortedMap<String, RawTensor> raw, Map<String, Supplier<StoredTensor>> made) {
    Pieces.unpack(raw, WORDS, _ -> true, this::matrix, made);
  }

  private GroupedIntegers matrix(Pieces pieces) {
    RawTensor words = pieces.first().requireDimensions(2);
    long columns = words.shape().getFirst();
    long across = words.shape().getLast();
    long rows = across * PER_WORD;
    long groups = GroupedIntegers.groups(columns, groupSize);
    Stored stored =
        new Stored(
            PackedIntegers.of(words, BITS, columns, across),
            PackedIntegers.of(pieces.take("qzeros"), BITS, groups, across),
            pieces.take("scales").requireShape(List.of(groups, rows)).stored(),
            rows);
    return GroupedIntegers.of(words, stored, rows, columns, groupSize, BITS, false);
  }

  /** What a matrix is made of. */
  private record Stored(PackedIntegers words, PackedIntegers zeros, StoredTensor scales, long rows)
      implements GroupedIntegers.Numbers {
    @Override
    public void read(long row, long column, int[] numbers) {
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = words.number(words.word(column + i, row / PER_WORD), place(row));
      }
    }

    @Override
    public int zero(long row, long group) {
      return zeros.number(zeros.word(group, row / PER_WORD), place(row));
    }

    @Override
    public float scale(long row, long group) {
      return scales.element(group * rows + row);
    }

    /** Which number of a word is a row's. */
    private static long place(long row) {
      long within = row % PER_WORD;
      return within / 2 + within % 2 * (PER_WORD / 2);
    }
  }
}
