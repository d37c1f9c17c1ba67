package dev.serval.storage.gguf.architecture;

import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.gguf.format.Metadata;
import java.util.List;
import java.util.Optional;

/**
 * What a file says of its model: keys that begin with the architecture's name, which are asked for
 * without it.
 *
 * @param file all keys of the file
 * @param architecture what those of the model begin with
 */
public record ModelMetadata(Metadata file, String architecture) {
  private String key(String name) {
    return architecture + "." + name;
  }

  public boolean has(String name) {
    return file.has(key(name));
  }

  public boolean isArray(String name) {
    return file.isArray(key(name));
  }

  public Optional<String> text(String name) {
    return file.text(key(name));
  }

  public Optional<Boolean> flag(String name) {
    return file.flag(key(name));
  }

  /** A whole number from 0 to 2^31 − 1. */
  public Optional<Long> natural(String name) {
    return file.natural(key(name));
  }

  public long requireNatural(String name) {
    return file.requireNatural(key(name));
  }

  /** The same of at least 1. */
  public long requirePositive(String name) {
    return file.requirePositive(key(name));
  }

  public Optional<Double> real(String name) {
    return file.real(key(name));
  }

  public double real(String name, double otherwise) {
    return real(name).orElse(otherwise);
  }

  public double requireReal(String name) {
    return file.requireReal(key(name));
  }

  /** A number of any type. */
  public double number(String name) {
    return file.number(key(name));
  }

  /** Yes or no for each of so many layers. */
  public List<Boolean> flags(String name, long layers) {
    return file.flags(key(name), Math.toIntExact(layers), "layers");
  }

  /** A whole number for each of so many layers. */
  public List<Long> naturals(String name, long layers) {
    return file.naturals(key(name), Math.toIntExact(layers), "layers");
  }

  /** Refuses a flag that is there and false. */
  public void requireUnlessMissing(String flag) {
    if (!flag(flag).orElse(true)) {
      throw problem(flag, "is false; it must be true");
    }
  }

  public CheckpointException missing(String name) {
    return file.missing(key(name));
  }

  public CheckpointException problem(String name, String sentence) {
    return file.problem(key(name), sentence);
  }
}
