package dev.serval.api.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;

/**
 * Which file it was that lay at a path: one that was put in its place, or was written to since, has
 * another stamp.
 *
 * @param key the file itself, as its file system tells files apart; empty where it does not
 * @param size how many bytes it has
 * @param modified when it was last written to
 */
public record FileStamp(String key, long size, FileTime modified) {
  /**
   * The stamp of a file as it is now.
   *
   * @param path where it is; links are followed
   * @return the stamp
   * @throws IOException when it cannot be looked at
   */
  public static FileStamp of(Path path) throws IOException {
    BasicFileAttributes found = Files.readAttributes(path, BasicFileAttributes.class);
    Object key = found.fileKey();
    return new FileStamp(key == null ? "" : key.toString(), found.size(), found.lastModifiedTime());
  }
}
