package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.ElementType;
import dev.serval.storage.safetensors.format.RawTensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Supplier;

/**
 * Weights as GPTQ leaves them (<a href="https://arxiv.org/abs/2210.17323">arXiv:2210.17323</a>):
 * words hold numbers of several columns, rows lie side by side.
 *
 * @param bits how many bits a number has, 4 or 8
 * @param groupSize how many columns have a scale in common
 * @param symmetric whether zeros are in the middle
 * @param zeroLess how much less zeros are as they are stored
 */
record GptqMatrices(int bits, int groupSize, boolean symmetric, int zeroLess) implements Unpacking {
  private static final String WORDS = ".qweight";

  @Override
  public void unpack(SortedMap<String, RawTensor> raw, Map<String, Supplier<StoredTensor>> made) {
    Pieces.unpack(raw, WORDS, _ -> true, this::matrix, made);
  }

  private GroupedIntegers matrix(Pieces pieces) {
    RawTensor words = pieces.first().requireDimensions(2);
    int perWord = PackedIntegers.perWord(bits);
    long rows = words.shape().getLast();
    long columns = words.shape().getFirst() * perWord;
    long groups = GroupedIntegers.groups(columns, groupSize);
    pieces.find("g_idx").ifPresent(indices -> requireInOrder(indices, columns));
    pieces.dropZeros("bias");
    Stored stored =
        new Stored(
            PackedIntegers.of(words, bits, columns / perWord, rows),
            PackedIntegers.of(pieces.take("qzeros"), bits, groups, Math.ceilDiv(rows, perWord)),
            pieces.take("scales").requireShape(List.of(groups, rows)).stored(),
            zeroLess,
            rows);
    return GroupedIntegers.of(words, stored, rows, columns, groupSize, bits, symmetric);
  }

  /** Whether columns are in the order of their groups. */
  private void requireInOrder(RawTensor indices, long columns) {
    indices.require(ElementType.I32, List.of(columns));
    MemorySegment data = indices.data();
    long group = groupSize == GroupedIntegers.ROW ? columns : groupSize;
    for (long column = 0; column < columns; column++) {
      int index = data.get(PackedIntegers.INT, column * Integer.BYTES);
      if (index != column / group) {
        throw indices.problem(
            "has group %d for column %d; columns must be in the order of their groups of %d",
            index, column, group);
      }
    }
  }

  /** What a matrix is made of. */
  private record Stored(
      PackedIntegers words, PackedIntegers zeros, StoredTensor scales, int zeroLess, long rows)
      implements GroupedIntegers.Numbers {
    @Override
    public void read(long row, long column, int[] numbers) {
      int perWord = words.perWord();
      for (int i = 0; i < numbers.length; i++) {
        int word = words.word((column + i) / perWord, row);
        numbers[i] = words.number(word, i % perWord);
      }
    }

    @Override
    public int zero(long row, long group) {
      int perWord = zeros.perWord();
      return zeros.number(zeros.word(group, row / perWord), row % perWord) + zeroLess;
    }

    @Override
    public float scale(long row, long group) {
      return scales.element(group * rows + row);
    }
  }
}
