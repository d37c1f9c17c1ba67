package dev.serval.storage.checkpoint;

import dev.serval.api.Bytes;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.FileRange;
import dev.serval.api.storage.FileStamp;
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
 * @param stamp which file it was that was mapped
 */
public record MappedFile(Path path, MemorySegment bytes, FileStamp stamp) {
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
      FileStamp stamp = FileStamp.of(path);
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
        MemorySegment bytes = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
        requireSame(path, stamp, bytes.byteSize());
        return new MappedFile(path, bytes, stamp);
      }
    } catch (IOException | UnsupportedOperationException e) {
      throw new CheckpointException(path + " " + reason(path, e), e);
    }
  }

  private static void requireSame(Path path, FileStamp stamp, long mapped) throws IOException {
    if (!FileStamp.of(path).equals(stamp) || stamp.size() != mapped) {
      throw new CheckpointException(path + " was written to or exchanged while it was opened");
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
   * Lets go of bytes that have been read: they no longer count as this process's memory until they
   * are read again, from the system's cache of the file or from the file.
   *
   * @param offset where they begin
   * @param length how many they are
   */
  void letGo(long offset, long length) {
    if (bytes.isMapped()) {
      bytes.asSlice(offset, length).unload();
    }
  }

  /**
   * Where bytes of the mapping lie in the file.
   *
   * @param offset where they begin
   * @param length how many they are
   * @return the range
   */
  public FileRange range(long offset, long length) {
    return new FileRange(path, stamp, offset, length);
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
