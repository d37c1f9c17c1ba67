package dev.serval.storage.checkpoint;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The digest over the bytes of an artefact.
 *
 * <p>What it is: each part (a file, under a tag that says what it is for and never where it came
 * from) is cut into pieces of 256 MiB, the last one shorter; a part without bytes is one empty
 * piece. The digest is the SHA-256 of the ASCII text {@code serval-artefact-1} and, part after part
 * and piece after piece, of
 *
 * <pre>
 *   length of the tag, 4 bytes · tag, UTF-8 · size of the part, 8 bytes · offset of the piece, 8 bytes
 *   · SHA-256 of the piece, 32 bytes
 * </pre>
 *
 * <p>with numbers in big-endian order. Every field has a fixed length or is preceded by it, so no
 * two artefacts give the same input; and pieces can be hashed side by side, in one file as well as
 * in many.
 *
 * <p>How it is computed: the calling thread and its helpers take piece after piece from one counter
 * and write to the piece's own slot. The caller alone talks to the listener. The first to fail
 * leaves its failure behind, everybody else stops within a {@linkplain #STEP step}, and the caller
 * throws it when all have ended.
 */
public final class ArtefactHash {
  private static final String STAGE = "checkpoint";
  private static final String VERSION = "serval-artefact-1";
  private static final long PIECE = 256L << 20;
  private static final int STEP = 1 << 20;

  /**
   * A part of the artefact.
   *
   * @param tag what it is for, such as {@code weights}
   * @param file its bytes
   */
  public record Part(String tag, MappedFile file) {}

  private record Piece(Part part, long offset, long length) {}

  private final List<Piece> pieces;
  private final byte[][] digests;
  private final long total;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicLong done = new AtomicLong();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  private ArtefactHash(List<Part> parts, long pieceBytes) {
    pieces = parts.stream().flatMap(part -> cut(part, pieceBytes)).toList();
    digests = new byte[pieces.size()][];
    total = Math.max(1, parts.stream().mapToLong(part -> part.file().size()).sum());
  }

  private static Stream<Piece> cut(Part part, long pieceBytes) {
    long size = part.file().size();
    return Stream.iterate(0L, offset -> offset == 0 || offset < size, offset -> offset + pieceBytes)
        .map(offset -> new Piece(part, offset, Math.min(pieceBytes, size - offset)));
  }

  /**
   * Computes the digest.
   *
   * @param parts the artefact's parts, in an order that depends on nothing but the artefact
   * @param threads how many threads may work, the caller's included
   * @param listener hears of the bytes read, on the calling thread
   * @return the digest
   * @throws CheckpointException when a file changes meanwhile, or the calling thread is interrupted
   */
  public static ArtefactDigest of(List<Part> parts, int threads, LoadListener listener) {
    return of(parts, threads, listener, PIECE);
  }

  static ArtefactDigest of(List<Part> parts, int threads, LoadListener listener, long pieceBytes) {
    ArtefactHash hash = new ArtefactHash(parts, pieceBytes);
    hash.requireWanted();
    hash.hashPieces(Math.min(threads, hash.pieces.size()) - 1, listener);
    return hash.root();
  }

  private void hashPieces(int helpers, LoadListener listener) {
    List<Thread> started = new ArrayList<>();
    try {
      for (int i = 0; i < helpers; i++) {
        started.add(helper(i));
      }
      takePieces(sum -> listener.progress(STAGE, sum, total));
    } finally {
      await(started);
    }
    switch (failure.get()) {
      case null -> listener.progress(STAGE, total, total);
      case Error e -> throw e;
      case RuntimeException e -> throw e;
      case Throwable e -> throw new AssertionError("nothing checked is thrown here", e);
    }
  }

  private Thread helper(int number) {
    return Thread.ofPlatform()
        .daemon()
        .name("serval-digest-" + number)
        .start(() -> takePieces(sum -> {}));
  }

  private void await(List<Thread> helpers) {
    boolean interrupted = false;
    for (Thread helper : helpers) {
      while (helper.isAlive()) {
        try {
          helper.join();
        } catch (InterruptedException e) {
          interrupted = true;
          failure.compareAndSet(null, interruption());
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void takePieces(LongConsumer progress) {
    try {
      for (int i = next.getAndIncrement(); i < digests.length; i = next.getAndIncrement()) {
        digests[i] = hash(pieces.get(i), progress);
      }
    } catch (RuntimeException | Error e) {
      failure.compareAndSet(null, e);
    }
  }

  private byte[] hash(Piece piece, LongConsumer progress) {
    MessageDigest sha = sha256();
    MemorySegment bytes = piece.part().file().bytes().asSlice(piece.offset(), piece.length());
    try {
      for (long at = 0; at < piece.length(); at += STEP) {
        requireWanted();
        long step = Math.min(STEP, piece.length() - at);
        sha.update(bytes.asSlice(at, step).asByteBuffer());
        piece.part().file().letGo(piece.offset() + at, step);
        progress.accept(done.addAndGet(step));
      }
    } catch (InternalError e) {
      throw new CheckpointException(piece.part().file() + " was cut short while it was read", e);
    }
    return sha.digest();
  }

  private void requireWanted() {
    if (failure.get() != null || Thread.currentThread().isInterrupted()) {
      throw interruption();
    }
  }

  private static CheckpointException interruption() {
    return new CheckpointException("the thread was interrupted while it read a checkpoint");
  }

  private ArtefactDigest root() {
    MessageDigest sha = sha256();
    sha.update(VERSION.getBytes(StandardCharsets.US_ASCII));
    for (int i = 0; i < digests.length; i++) {
      Piece piece = pieces.get(i);
      byte[] tag = piece.part().tag().getBytes(StandardCharsets.UTF_8);
      sha.update(ByteBuffer.allocate(Integer.BYTES).putInt(tag.length).flip());
      sha.update(tag);
      sha.update(ByteBuffer.allocate(Long.BYTES).putLong(piece.part().file().size()).flip());
      sha.update(ByteBuffer.allocate(Long.BYTES).putLong(piece.offset()).flip());
      sha.update(digests[i]);
    }
    return ArtefactDigest.of(sha.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
