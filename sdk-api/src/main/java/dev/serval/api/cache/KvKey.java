package dev.serval.api.cache;

import dev.serval.api.IsolationScope;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.storage.ArtefactDigest;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.jspecify.annotations.Nullable;

/**
 * The identity of a KV block, in every tier: a SHA-256 over all that its contents depend on.
 *
 * <ul>
 *   <li>the artefact: the bytes of the model and its tokenizer, never their name;
 *   <li>the block's layout and type, and the numerics it was computed with;
 *   <li>the isolation scope;
 *   <li>the key of the block before it, and so every token before it;
 *   <li>its own token ids, and the group of layers whose block it is.
 * </ul>
 *
 * <p>There is no other way to make a key than {@link #root}, {@link Hasher#child} and {@link
 * #ofGroup}, so a block cannot be stored under less. Two blocks of equal key are interchangeable;
 * new weights have new keys, and nothing needs to be invalidated for them.
 */
public final class KvKey {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  /**
   * An odd number whose multiples differ in all bits (Knuth, The Art of Computer Programming, 6.4).
   */
  private static final long GOLDEN = 0x9e37_79b9_7f4a_7c15L;

  private final long a;
  private final long b;
  private final long c;
  private final long d;

  private KvKey(long a, long b, long c, long d) {
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }

  private KvKey(byte[] digest) {
    a = (long) LONGS.get(digest, 0);
    b = (long) LONGS.get(digest, 8);
    c = (long) LONGS.get(digest, 16);
    d = (long) LONGS.get(digest, 24);
  }

  /**
   * The key before a sequence's first block.
   *
   * @param artefact what was loaded
   * @param layout how blocks are laid out
   * @param numerics how they are computed
   * @param scope who may meet them
   * @return the key that first blocks are children of
   */
  public static KvKey root(
      ArtefactDigest artefact, KvLayout layout, NumericsId numerics, IsolationScope scope) {
    MessageDigest sha = sha256();
    sha.update(artefact.bytes());
    field(sha, layout.toString());
    field(sha, numerics.value());
    field(sha, scope.shared() ? "shared" : "principal");
    field(sha, scope.name());
    return new KvKey(sha.digest());
  }

  /**
   * The key of the same tokens' block of another group of layers.
   *
   * @param group which group, from 0
   * @return the key; this one for group 0
   */
  public KvKey ofGroup(int group) {
    return group == 0 ? this : new KvKey(a + group * GOLDEN, b, c, d);
  }

  private static void field(MessageDigest sha, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    sha.update(
        new byte[] {
          (byte) (bytes.length >>> 24),
          (byte) (bytes.length >>> 16),
          (byte) (bytes.length >>> 8),
          (byte) bytes.length
        });
    sha.update(bytes);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof KvKey that && a == that.a && b == that.b && c == that.c && d == that.d;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(a);
  }

  /** The key in hexadecimal. */
  @Override
  public String toString() {
    return "%016x%016x%016x%016x".formatted(a, b, c, d);
  }

  /** Derives the keys of blocks. Holds the digest's state, so it belongs to one thread. */
  public static final class Hasher {
    private static final VarHandle INTS =
        MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    private final MessageDigest sha = sha256();
    private final byte[] digest = new byte[ArtefactDigest.LENGTH];
    private final byte[] input;

    /**
     * For blocks of this many tokens.
     *
     * @param blockTokens the tokens of a block
     */
    public Hasher(int blockTokens) {
      input = new byte[ArtefactDigest.LENGTH + Integer.BYTES * blockTokens];
    }

    /**
     * The key of a full block.
     *
     * @param parent the key of the block before it, or the root
     * @param tokens where the sequence's tokens are
     * @param from the position of the block's first token
     * @return the key
     */
    public KvKey child(KvKey parent, int[] tokens, int from) {
      LONGS.set(input, 0, parent.a);
      LONGS.set(input, 8, parent.b);
      LONGS.set(input, 16, parent.c);
      LONGS.set(input, 24, parent.d);
      for (int at = ArtefactDigest.LENGTH, i = from; at < input.length; at += Integer.BYTES, i++) {
        INTS.set(input, at, tokens[i]);
      }
      sha.update(input);
      try {
        sha.digest(digest, 0, digest.length);
      } catch (DigestException e) {
        throw new AssertionError("a SHA-256 digest has 32 bytes", e);
      }
      return new KvKey(digest);
    }
  }
}
