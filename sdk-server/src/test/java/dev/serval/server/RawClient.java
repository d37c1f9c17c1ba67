package dev.serval.server;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A client that speaks HTTP by hand, to do what well-behaved ones do not. */
final class RawClient implements AutoCloseable {
  private final Socket socket = new Socket();
  private final InputStream in;

  RawClient(int port, int receiveBuffer) throws IOException {
    if (receiveBuffer > 0) {
      socket.setReceiveBufferSize(receiveBuffer);
    }
    socket.setSoTimeout(60_000);
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    in = new BufferedInputStream(socket.getInputStream(), 512);
  }

  RawClient(int port) throws IOException {
    this(port, 0);
  }

  static String post(String path, String body) {
    return "POST "
        + path
        + " HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: "
        + body.getBytes(StandardCharsets.UTF_8).length
        + "\r\n\r\n"
        + body;
  }

  RawClient send(String bytes) throws IOException {
    socket.getOutputStream().write(bytes.getBytes(StandardCharsets.UTF_8));
    socket.getOutputStream().flush();
    return this;
  }

  /** Reads until a text has been met. */
  String readUntil(String end) throws IOException {
    StringBuilder read = new StringBuilder();
    while (!endsWith(read, end)) {
      int next = in.read();
      if (next < 0) {
        throw new IOException("the connection ended after: " + read);
      }
      read.append((char) next);
    }
    return read.toString();
  }

  private static boolean endsWith(StringBuilder text, String end) {
    int from = text.length() - end.length();
    return from >= 0 && text.indexOf(end, from) == from;
  }

  /** Reads until the server closes the connection. */
  String readAll() throws IOException {
    return new String(in.readAllBytes(), StandardCharsets.UTF_8);
  }

  /** Goes away as a crashed client does: with a reset. */
  void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
