package dev.serval.storage.checkpoint;

import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.text.Quoted;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A folder whose files are mapped as they are asked for, and unmapped all at once. */
public final class MappedFolder implements AutoCloseable {
  private static final int LISTED = 12;

  private final Path path;
  private final Arena arena = Arena.ofShared();
  private final List<MappedFile> mapped = new CopyOnWriteArrayList<>();

  /**
   * Of a folder from which nothing is mapped yet.
   *
   * @param path where it is
   */
  public MappedFolder(Path path) {
    this.path = path;
  }

  /**
   * Where it is.
   *
   * @return the path as it was given
   */
  public Path path() {
    return path;
  }

  /**
   * Maps a file.
   *
   * @param name its name in this folder
   * @return the file, empty if there is none of that name
   * @throws CheckpointException when there is something of that name that cannot be read
   */
  public Optional<MappedFile> find(String name) {
    return contains(name) ? Optional.of(map(resolve(name))) : Optional.empty();
  }

  /**
   * Maps a file that must be there.
   *
   * @param name its name in this folder
   * @return the file
   * @throws CheckpointException when it cannot be read, or is not there, listing what is
   */
  public MappedFile require(String name) {
    return find(name).orElseThrow(() -> missing(List.of(name)));
  }

  /**
   * Maps a file.
   *
   * @param file where it is
   * @return the file
   * @throws CheckpointException when it cannot be read
   */
  public MappedFile map(Path file) {
    MappedFile found = MappedFile.map(file, arena);
    mapped.add(found);
    return found;
  }

  /**
   * Whether there is anything of a name.
   *
   * @param name a file's name
   * @return true even for a link that leads nowhere
   * @throws CheckpointException when no file can have that name
   */
  public boolean contains(String name) {
    return Files.exists(resolve(name), LinkOption.NOFOLLOW_LINKS);
  }

  private Path resolve(String name) {
    try {
      return path.resolve(name);
    } catch (InvalidPathException e) {
      throw new CheckpointException(
          "%s: %s cannot be the name of a file on this system".formatted(path, Quoted.of(name)), e);
    }
  }

  /**
   * A refusal of a folder that lacks files.
   *
   * @param names what it lacks
   * @return the exception to throw, listing what is there
   */
  public CheckpointException missing(List<String> names) {
    return new CheckpointException(
        "%s has no %s; %s"
            .formatted(path, shown(names.stream(), names.size(), " and no "), listing()));
  }

  private String listing() {
    try (Stream<Path> all = Files.list(path)) {
      List<String> names = all.map(file -> file.getFileName().toString()).sorted().toList();
      return names.isEmpty()
          ? "it is empty"
          : "there is " + shown(names.stream().map(Quoted::plain), names.size(), ", ");
    } catch (IOException e) {
      return "it " + MappedFile.reason(path, e);
    } catch (UncheckedIOException e) {
      return "it " + MappedFile.reason(path, e);
    }
  }

  private static String shown(Stream<String> names, int count, String separator) {
    String first = names.limit(LISTED).collect(Collectors.joining(separator));
    return count > LISTED ? first + " … " + (count - LISTED) + " more" : first;
  }

  /** Lets go of the pages of all files; reading brings them back. */
  void release() {
    mapped.forEach(file -> file.letGo(0, file.size()));
  }

  /**
   * Whether its files are mapped still.
   *
   * @return false once it is closed
   */
  public boolean isOpen() {
    return arena.scope().isAlive();
  }

  /** Unmaps all files. Closing again does nothing. */
  @Override
  public synchronized void close() {
    if (isOpen()) {
      arena.close();
    }
  }
}
