package dev.serval.storage.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.checkpoint.ArtefactHash.Part;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ArtefactHashTest {
  private static final Path STATUS = Path.of("/proc/self/status");

  @TempDir private Path path;
  private MappedFolder folder;

  @BeforeEach
  void openFolder() {
    folder = new MappedFolder(path);
  }

  @AfterEach
  void closeFolder() {
    folder.close();
  }

  private Part part(String tag, int size, int seed) throws IOException {
    byte[] bytes = new byte[size];
    new Random(seed).nextBytes(bytes);
    return part(tag, bytes);
  }

  private Part part(String tag, byte[] bytes) throws IOException {
    Path file = Files.createTempFile(path, "part", ".bin");
    Files.write(file, bytes);
    return new Part(tag, folder.map(file));
  }

  private static ArtefactDigest digest(Part... parts) {
    return ArtefactHash.of(List.of(parts), 1, LoadListener.NONE);
  }

  private static byte[] sha(byte[] bytes) throws Exception {
    return MessageDigest.getInstance("SHA-256").digest(bytes);
  }

  /** How much of files this process has in memory, in KiB. */
  private static long ofFiles() throws IOException {
    try (var lines = Files.lines(STATUS)) {
      return lines
          .filter(line -> line.startsWith("RssFile:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    }
  }

  @Test
  void what_has_been_hashed_does_not_stay_in_this_process_s_memory() throws IOException {
    assumeTrue(Files.exists(STATUS));
    Part part = part("weights", 64 << 20, 9);
    part.file().bytes().load();
    long loaded = ofFiles();
    digest(part);
    assertThat(loaded - ofFiles()).as("KiB that were let go of").isGreaterThan(48 << 10);
    part.file().bytes().load();
    folder.release();
    assertThat(loaded - ofFiles()).as("KiB, by the folder").isGreaterThan(48 << 10);
  }

  @Test
  void it_is_the_digest_of_tags_sizes_offsets_and_the_digests_of_pieces() throws Exception {
    byte[] weights = new byte[2500];
    new Random(1).nextBytes(weights);
    ByteArrayOutputStream input = new ByteArrayOutputStream();
    DataOutputStream fields = new DataOutputStream(input);
    fields.write("serval-artefact-1".getBytes(StandardCharsets.US_ASCII));
    for (int offset = 0; offset < 2500; offset += 1000) {
      fields.writeInt(7);
      fields.write("weights".getBytes(StandardCharsets.US_ASCII));
      fields.writeLong(2500);
      fields.writeLong(offset);
      fields.write(sha(Arrays.copyOfRange(weights, offset, Math.min(2500, offset + 1000))));
    }
    fields.writeInt(6);
    fields.write("config".getBytes(StandardCharsets.US_ASCII));
    fields.writeLong(0);
    fields.writeLong(0);
    fields.write(sha(new byte[0]));

    List<Part> parts = List.of(part("weights", weights), part("config", new byte[0]));
    assertThat(ArtefactHash.of(parts, 2, LoadListener.NONE, 1000))
        .isEqualTo(ArtefactDigest.of(sha(input.toByteArray())));
  }

  @Test
  void it_is_the_same_for_any_number_of_threads() throws IOException {
    List<Part> parts = List.of(part("weights", 3_000_000, 1), part("weights", 100_000, 2));
    ArtefactDigest alone = ArtefactHash.of(parts, 1, LoadListener.NONE, 50_000);
    for (int threads : new int[] {2, 3, 8, 500}) {
      assertThat(ArtefactHash.of(parts, threads, LoadListener.NONE, 50_000)).isEqualTo(alone);
    }
  }

  @Test
  void it_tells_apart_what_only_looks_alike_when_run_together() throws IOException {
    byte[] a = {1, 2};
    byte[] b = {3};
    ArtefactDigest original = digest(part("x", a), part("y", b));
    assertThat(original)
        .isEqualTo(digest(part("x", a), part("y", b)))
        .isNotEqualTo(digest(part("x", new byte[] {1}), part("y", new byte[] {2, 3})))
        .isNotEqualTo(digest(part("x", a), part("x", b)))
        .isNotEqualTo(digest(part("y", b), part("x", a)))
        .isNotEqualTo(digest(part("x", a), part("y", b), part("z", new byte[0])))
        .isNotEqualTo(digest(part("x", new byte[] {1, 2, 3})));
  }

  @Test
  void the_caller_alone_hears_of_all_bytes() throws IOException {
    List<Long> heard = new ArrayList<>();
    Thread caller = Thread.currentThread();
    ArtefactHash.of(
        List.of(part("weights", 3_000_000, 1), part("config", 10, 2)),
        3,
        (stage, done, total) -> {
          assertThat(Thread.currentThread()).isSameAs(caller);
          assertThat(total).isEqualTo(3_000_010);
          heard.add(done);
        },
        100_000);
    assertThat(heard).isSorted().last().isEqualTo(3_000_010L);
  }

  @Test
  void a_listener_that_fails_ends_the_work_of_all_threads() throws IOException {
    List<Part> parts = List.of(part("weights", 8_000_000, 1));
    assertThatThrownBy(() ->
            ArtefactHash.of(
                parts,
                4,
                (stage, done, total) -> {
                  throw new IllegalStateException("enough");
                },
                10_000))
        .hasMessage("enough");
    assertThat(Thread.getAllStackTraces().keySet())
        .extracting(Thread::getName)
        .noneMatch(name -> name.startsWith("serval-digest"));
  }

  @Test
  void an_interrupt_ends_it_and_stays_set() throws IOException {
    List<Part> parts = List.of(part("weights", 100_000, 1));
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> ArtefactHash.of(parts, 2, LoadListener.NONE, 1000))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("interrupted");
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void a_file_that_is_cut_short_after_it_was_mapped_is_refused_by_name() throws IOException {
    Part part = part("weights", 1_000_000, 1);
    try (FileChannel channel = FileChannel.open(part.file().path(), StandardOpenOption.WRITE)) {
      channel.truncate(0);
    }
    assertThatThrownBy(() -> ArtefactHash.of(List.of(part), 2, LoadListener.NONE, 100_000))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(part.file().toString())
        .hasMessageContaining("cut short");
  }
}
