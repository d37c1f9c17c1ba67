package dev.serval.api.storage;

import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256 over the bytes that were loaded: weights, configuration and tokenizer. It stands for the
 * artefact wherever identity matters; a name never does.
 */
public final class ArtefactDigest {
  /** The bytes of a SHA-256 digest. */
  public static final int LENGTH = 32;

  private final byte[] bytes;

  private ArtefactDigest(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * Wraps a digest.
   *
   * @param sha256 its {@value #LENGTH} bytes, copied
   * @return the digest
   * @throws IllegalArgumentException when it has another length
   */
  public static ArtefactDigest of(byte[] sha256) {
    if (sha256.length != LENGTH) {
      throw new IllegalArgumentException(
          "a SHA-256 digest has " + LENGTH + " bytes, not " + sha256.length);
    }
    return new ArtefactDigest(sha256.clone());
  }

  /**
   * The digest's bytes.
   *
   * @return a copy
   */
  public byte[] bytes() {
    return bytes.clone();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ArtefactDigest that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  /** The digest in hexadecimal, as {@code sha256sum} prints it. */
  @Override
  public String toString() {
    return HexFormat.of().formatHex(bytes);
  }
}
