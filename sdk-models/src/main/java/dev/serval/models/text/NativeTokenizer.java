package dev.serval.models.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Hugging Face's tokenizer behind a handle. Any thread encodes; closing waits for those that do.
 */
final class NativeTokenizer implements AutoCloseable {
  private final TokenizersLibrary library;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private long handle;

  private NativeTokenizer(TokenizersLibrary library, long handle) {
    this.library = library;
    this.handle = handle;
  }

  /** Makes a tokenizer that neither truncates nor pads, whatever its file says. */
  static NativeTokenizer open(JsonFile file, String json) {
    TokenizersLibrary library = NativeLibrary.open();
    long handle;
    try {
      handle = library.createTokenizerFromString(json);
    } catch (RuntimeException e) {
      throw file.damaged("it describes no tokenizer: " + e.getMessage());
    }
    library.disableTruncation(handle);
    library.disablePadding(handle);
    return new NativeTokenizer(library, handle);
  }

  int[] encode(String text, boolean addSpecialTokens) {
    lock.readLock().lock();
    try {
      if (handle == 0) {
        throw new IllegalStateException("the tokenizer is closed");
      }
      return ids(library.encode(handle, text, addSpecialTokens));
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        library.deleteTokenizer(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private int[] ids(long encoding) {
    try {
      long[] ids = library.getTokenIds(encoding);
      int[] narrow = new int[ids.length];
      for (int i = 0; i < ids.length; i++) {
        narrow[i] = (int) ids[i];
      }
      return narrow;
    } finally {
      library.deleteEncoding(encoding);
    }
  }
}
