/** Strict reading and plain writing of JSON. */
package dev.serval.server.json;
