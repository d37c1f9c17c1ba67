package dev.serval.batching;

import dev.serval.api.batching.TensorListener;

/** Keeps a batcher from what its listener throws. */
final class CarefulTensorListener implements TensorListener {
  private final TensorListener listener;

  CarefulTensorListener(TensorListener listener) {
    this.listener = listener;
  }

  @Override
  public void batch(int inputs, long length, long paddedLength, long nanos) {
    tell(() -> listener.batch(inputs, length, paddedLength, nanos));
  }

  @Override
  public void began(long nanos) {
    tell(() -> listener.began(nanos));
  }

  @Override
  public void expired() {
    tell(listener::expired);
  }

  private static void tell(Runnable news) {
    try {
      news.run();
    } catch (RuntimeException | Error e) {
      CarefulListener.report(e);
    }
  }
}
