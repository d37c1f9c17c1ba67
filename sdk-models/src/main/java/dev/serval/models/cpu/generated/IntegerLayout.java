package dev.serval.models.cpu.generated;

import dev.serval.models.cpu.block.FourBitFloats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Integer codes, group after group; before each span of groups their scales, so that all of a block
 * is read from its beginning to its end.
 *
 * <p>A group has a vector of codes for each of their bits, with 32 bits for a lane; where in them
 * the codes of four columns are is said by {@link CodeBits}.
 */
final class IntegerLayout implements BlockLayout {
  private static final int QUADS = 8;

  /** Blocks begin where a line of the cache does, so that no vector lies in two. */
  private static final int LINE = 64;

  private static final int SIGNS = 0x80808080;

  /** Added where nothing is: unlike +0, it leaves a −0 as it is. */
  private static final float NOTHING = -0.0f;

  private final IntegerForm form;
  private final IntegerForm.Scales scales;
  private final int lanes;
  private final int groups;
  private final int flip;
  private final int offset;
  private final int scaleBytes;
  private final long codeBytes;
  private final int groupBytes;

  IntegerLayout(InstructionSet set, IntegerForm form, int columns) {
    this.form = form;
    scales = form.scales();
    lanes = set.lanes();
    groups = columns / ActivationGroup.COLUMNS;
    scaleBytes = scales.spanBytes(set);
    codeBytes = (long) form.codeBytes() * lanes;
    groupBytes = form.groupBytes(set);
    offset = form.offset(set);
    flip = form.bytes() && offset != 0 ? SIGNS : 0;
  }

  @Override
  public int lanes() {
    return lanes;
  }

  @Override
  public int groups() {
    return groups;
  }

  @Override
  public int groupBytes() {
    return groupBytes;
  }

  private int spans() {
    return Math.ceilDiv(groups, scales.span());
  }

  @Override
  public long blockBytes() {
    return Math.ceilDiv((long) spans() * scaleBytes + groups * codeBytes, LINE) * LINE;
  }

  @Override
  public void pack(MemorySegment[] rows, int count, MemorySegment data, long at) {
    StoredBlocks[] stored = new StoredBlocks[count];
    Arrays.setAll(stored, lane -> new StoredBlocks(form, rows[lane]));
    int[] words = new int[form.words()];
    for (int group = 0; group < groups; group++) {
      long block = stored[0].block(group);
      int within = group % scales.groups();
      for (int lane = 0; lane < count; lane++) {
        long to = codes(at, group) + 4L * lane;
        if (form.wordsAt() >= 0) {
          copyWords(stored[lane], block + form.wordsAt(), data, to);
        } else {
          collectCodes(stored[lane], block, within, words);
          packCodes(words, data, to);
        }
        packScales(stored[lane], block, within, data, at, group, lane);
      }
    }
  }

  private long codes(long at, int group) {
    return at + (group / scales.span() + 1L) * scaleBytes + group * codeBytes;
  }

  private void copyWords(StoredBlocks stored, long from, MemorySegment data, long to) {
    for (int word = 0; word < form.words(); word++) {
      int codes = stored.word(from + 4L * word) ^ flip;
      data.set(ValueLayout.JAVA_INT, to + 4L * lanes * word, codes);
    }
  }

  private void collectCodes(StoredBlocks stored, long block, int within, int[] words) {
    Arrays.fill(words, 0);
    for (int quad = 0; quad < QUADS; quad++) {
      CodeBits.put(stored.codes(block, within, quad), form.codes(quad), words);
    }
  }

  private void packCodes(int[] words, MemorySegment data, long to) {
    for (int word = 0; word < words.length; word++) {
      data.set(ValueLayout.JAVA_INT, to + 4L * lanes * word, words[word]);
    }
  }

  private long header(long at, int group) {
    return at + group / scales.span() * (scaleBytes + scales.span() * codeBytes);
  }

  private long own(long at, int group) {
    int within = group % scales.span();
    return header(at, group) + ((long) scales.header() + within * ((long) scales.bytes())) * lanes;
  }

  private void packScales(
      StoredBlocks stored,
      long block,
      int within,
      MemorySegment data,
      long at,
      int group,
      int lane) {
    long own = own(at, group);
    switch (scales) {
      case OF_GROUP -> half(data, own, lane, stored.scale(block));
      case WITH_MINIMUM -> {
        half(data, own, lane, stored.scale(block));
        half(data, own, lanes + lane, stored.minimum(block));
      }
      case OF_SUPER_BLOCK, OF_HALVES_WITH_MINIMA -> {
        long header = header(at, group);
        half(data, header, lane, stored.scale(block));
        half(data, header, lanes + lane, stored.minimum(block));
        packOwn(stored, block, within, data, own + lane);
      }
      case EXPONENT -> packOwn(stored, block, within, data, own + lane);
      case OF_EIGHT_GROUPS -> half(data, header(at, group), lane, stored.scale(block));
      case OF_HALVES, ODD_OF_HALVES, SIGNED -> {
        half(data, header(at, group), lane, stored.scale(block));
        packOwn(stored, block, within, data, own + lane);
      }
    }
  }

  private void packOwn(StoredBlocks stored, long block, int within, MemorySegment data, long at) {
    for (int i = 0; i < scales.bytes(); i++) {
      data.set(ValueLayout.JAVA_BYTE, at + (long) i * lanes, stored.own(block, within, i));
    }
  }

  private static void half(MemorySegment data, long at, int index, short bits) {
    data.set(ValueLayout.JAVA_SHORT, at + (long) Short.BYTES * index, bits);
  }

  @Override
  public float element(MemorySegment data, long at, int lane, int column) {
    int group = column / ActivationGroup.COLUMNS;
    int within = column % ActivationGroup.COLUMNS;
    int codes = codes(data, codes(at, group) + 4L * lane, within / 4);
    int code = codes >>> (within % 4 * Byte.SIZE) & 0xFF;
    return factor(data, at, group, lane, within / 16) * number(code)
        + addend(data, at, group, lane, within / 16);
  }

  private int number(int code) {
    if (form.bytes() && flip == 0) {
      return (byte) code;
    }
    return form.chooses() ? form.chosen(code) : code - offset;
  }

  private int codes(MemorySegment data, long at, int quad) {
    int codes = 0;
    for (CodeBits place : form.codes(quad)) {
      codes ^= place.from(data.get(ValueLayout.JAVA_INT, at + 4L * lanes * place.word()));
    }
    return codes;
  }

  private float factor(MemorySegment data, long at, int group, int lane, int half) {
    long own = own(at, group);
    long header = header(at, group);
    return switch (scales) {
      case OF_GROUP, WITH_MINIMUM -> number(data, own, lane);
      case EXPONENT ->
          FourBitFloats.halvedScale(data.get(ValueLayout.JAVA_BYTE, own + lane) & 0xFF);
      case OF_EIGHT_GROUPS -> number(data, header, lane);
      case OF_SUPER_BLOCK, SIGNED ->
          number(data, header, lane) * data.get(ValueLayout.JAVA_BYTE, own + lane) * form.unit();
      case OF_HALVES ->
          number(data, header, lane)
              * data.get(ValueLayout.JAVA_BYTE, own + (long) half * lanes + lane);
      case OF_HALVES_WITH_MINIMA ->
          number(data, header, lane) * nibble(data, own + (long) half * lanes + lane, 0);
      case ODD_OF_HALVES ->
          number(data, header, lane) * (2 * nibble(data, own + lane, half) + 1) * form.unit();
    };
  }

  private float addend(MemorySegment data, long at, int group, int lane, int half) {
    long own = own(at, group);
    return switch (scales) {
      case OF_GROUP, EXPONENT, OF_EIGHT_GROUPS, OF_HALVES, ODD_OF_HALVES, SIGNED -> NOTHING;
      case WITH_MINIMUM -> -number(data, own, lanes + lane);
      case OF_SUPER_BLOCK ->
          -(number(data, header(at, group), lanes + lane)
              * data.get(ValueLayout.JAVA_BYTE, own + lanes + lane));
      case OF_HALVES_WITH_MINIMA ->
          -(number(data, header(at, group), lanes + lane)
              * nibble(data, own + (long) half * lanes + lane, 1));
    };
  }

  private static int nibble(MemorySegment data, long at, int which) {
    return data.get(ValueLayout.JAVA_BYTE, at) >> (4 * which) & 0xF;
  }

  private static float number(MemorySegment data, long at, int index) {
    return Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, at + (long) Short.BYTES * index));
  }
}
