package dev.serval.storage.checkpoint;

import dev.serval.api.Bytes;
import dev.serval.api.storage.CheckpointException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * A file's bytes, mapped.
 *
 * @param path where the file is
 * @param bytes all of it, read-only
 */
public record MappedFile(Path path, MemorySegment bytes) {
  /**
   * Maps a file.
   *
   * @param path where it is; links are followed
   * @param arena what the mapping belongs to
   * @return the file
   * @throws CheckpointException when it is no regular file or cannot be read
   */
  static MappedFile map(Path path, Arena arena) {
    try {
      requireRegular(path);
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
        return new MappedFile(path, channel.map(MapMode.READ_ONLY, 0, channel.size(), arena));
      }
    } catch (IOException | UnsupportedOperationException e) {
      throw new CheckpointException(path + " " + reason(path, e), e);
    }
  }

  private static void requireRegular(Path path) throws IOException {
    BasicFileAttributes found = Files.readAttributes(path, BasicFileAttributes.class);
    if (!found.isRegularFile()) {
      throw new CheckpointException(
          "%s is %s, where a file is expected"
              .formatted(path, found.isDirectory() ? "a folder" : "neither file nor folder"));
    }
  }

  static String reason(Path path, Exception failure) {
    return switch (failure) {
      case NoSuchFileException e when Files.isSymbolicLink(path) ->
          "is a link to a file that is not there";
      case NoSuchFileException e -> "is not there";
      case AccessDeniedException e -> "may not be read by this process";
      case UnsupportedOperationException e -> "lies in a file system whose files cannot be mapped";
      default -> "cannot be read: " + failure.getMessage();
    };
  }

  /**
   * How large it is.
   *
   * @return its bytes
   */
  public long size() {
    return bytes.byteSize();
  }

  /**
   * Refuses a file that is too large to be what it is said to be.
   *
   * @param most how large it may be
   * @return this file
   * @throws CheckpointException when it is larger
   */
  public MappedFile upTo(Bytes most) {
    if (size() > most.count()) {
      throw new CheckpointException(
          "%s has %d bytes; allowed are up to %s".formatted(path, size(), most));
    }
    return this;
  }

  /** Its path, for messages. */
  @Override
  public String toString() {
    return path.toString();
  }
}
