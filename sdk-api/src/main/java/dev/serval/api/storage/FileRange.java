package dev.serval.api.storage;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Some bytes of a file, for whoever can read them better than through a mapping.
 *
 * @param path where the file is
 * @param stamp which file that was: a reader refuses another one
 * @param offset where the bytes begin
 * @param bytes how many they are
 */
public record FileRange(Path path, FileStamp stamp, long offset, long bytes) {
  /** Refuses a range that is not in the file. */
  public FileRange {
    if (offset < 0 || bytes < 0 || bytes > stamp.size() - offset) {
      throw new IllegalArgumentException(
          "%d bytes from offset %d on are not within the %d bytes of %s"
              .formatted(bytes, offset, stamp.size(), path));
    }
  }

  /**
   * All of a file as it is now.
   *
   * @param path where it is
   * @return the range from its first byte to its last
   * @throws IOException when it cannot be looked at
   */
  public static FileRange of(Path path) throws IOException {
    FileStamp stamp = FileStamp.of(path);
    return new FileRange(path, stamp, 0, stamp.size());
  }

  /**
   * Part of this range.
   *
   * @param from where it begins, from the beginning of this range
   * @param length how many bytes it has
   * @return the part
   * @throws IllegalArgumentException when it is not within this range
   */
  public FileRange slice(long from, long length) {
    if (from < 0 || length < 0 || length > bytes - from) {
      throw new IllegalArgumentException(
          "%d bytes from offset %d on are not within %d bytes of %s"
              .formatted(length, from, bytes, path));
    }
    return new FileRange(path, stamp, offset + from, length);
  }
}
