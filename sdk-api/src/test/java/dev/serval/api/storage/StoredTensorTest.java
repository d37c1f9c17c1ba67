package dev.serval.api.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.compute.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

final class StoredTensorTest {
  @Test
  void data_has_the_size_that_type_and_shape_demand() {
    MemorySegment data = MemorySegment.ofArray(new byte[12]);
    assertThat(new StoredTensor("w", DType.BF16, List.of(2L, 3L), data).elements()).isEqualTo(6);
    assertThatThrownBy(() -> new StoredTensor("w", DType.F32, List.of(2L, 3L), data))
        .hasMessageContaining("'w'")
        .hasMessageContaining("takes 24 bytes, not 12");
  }

  @Test
  void a_shape_beyond_all_memory_is_refused() {
    assertThatThrownBy(
            () -> new StoredTensor("w", DType.F32, List.of(1L << 40, 1L << 40), MemorySegment.NULL))
        .isInstanceOf(ArithmeticException.class);
  }

  @Test
  void a_part_is_one_of_those_that_the_outermost_dimension_counts() {
    byte[] bytes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    StoredTensor all =
        new StoredTensor("all", DType.F16, List.of(3L, 1L, 2L), MemorySegment.ofArray(bytes));
    StoredTensor last = all.part(2, "last");

    assertThat(last.name()).isEqualTo("last");
    assertThat(last.shape()).containsExactly(1L, 2L);
    assertThat(last.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(8, 9, 10, 11);
    assertThatThrownBy(() -> all.part(3, "none")).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void a_digest_reads_as_sha256sum_prints_it() {
    byte[] bytes = new byte[32];
    bytes[0] = (byte) 0xab;
    assertThat(ArtefactDigest.of(bytes)).hasToString("ab" + "00".repeat(31));
    assertThatThrownBy(() -> ArtefactDigest.of(new byte[31])).hasMessageContaining("31");
  }
}
