/** One request's way from HTTP to the runtime and back. */
package dev.serval.server.exchange;
