// Package servers starts real servers by itself, for tests and for a developer's machine: Apache Kafka, Redis, and a
// server that speaks MongoDB's wire protocol. It needs no Docker: Kafka and the Mongo server are jars that Maven
// fetches into a cache (PARLEY_CACHE, else ~/.cache/parley), Redis and Java are packages.
//
// A test asks for a server and has it until the test ends:
//
//	k := servers.Kafka(t, servers.Brokers(3), servers.Config("log.cleaner.min.cleanable.ratio", "0.01"))
//	r := servers.Redis(t, servers.AOF())
//	m := servers.Mongo(t)
//
// A test that cuts lines, or makes them slow, gives its servers hosts on a network of its own, see package network:
//
//	n, err := network.New()
//	h, err := n.Host("redis")
//	r := servers.Redis(t, servers.At(h))
//
// A package whose tests share one starts it in TestMain with StartKafka, StartRedis or StartMongo, and hands an error
// of theirs to SkipOrFail in each test. Command up runs one in the foreground.
//
// # The environment
//
//   - PARLEY_TEST_KAFKA, PARLEY_TEST_REDIS, PARLEY_TEST_MONGO name servers to use instead (host:port, for Kafka a list
//     with commas, for the others also a URL). They are shared by all tests: name topics, keys and databases so that
//     tests do not meet. Own, and every option that shapes the server, start one all the same.
//   - PARLEY_REAL=required fails a test that cannot have its server, =off skips it at once; otherwise it skips when
//     there is no way to have it. A server that was had and broke always fails the test. go test shows skips with -v
//     only: a pipeline sets required.
//
// # What they cost
//
// On two cores: Kafka answers after 0.9 s, three brokers after 2.7 s, 170 MB resident each; Redis after 0.1 s; the
// Mongo server after 0.6 s. A broker killed with kill -9 is back after 4 s, three of them after 5.5 s: the controller
// first lets the dead one's session run out (broker.session.timeout.ms, 3 s here, to be lowered by Config). The first
// use on a machine fetches for ten seconds to a minute. A server dies with the process that started it, even if that
// one is killed (on Linux; elsewhere kill -9 of a test leaves it behind).
//
// # What the Mongo server is and is not
//
// No mongod can be had from package registries; de.bwaldvogel:mongo-java-server can. It is not MongoDB. With driver
// v2.9.3 it was found to do, and mongo_test.go checks:
//
//   - look-ups by _id and $in with projection (0.15-0.4 ms for one, through the driver);
//   - $set of dotted keys such as m.123, upserts, and unordered bulks of UpdateOne upserts of any size tried (500,
//     20,000): 22,000-29,000 a second in memory, 4,400-5,500 on disk; no hang;
//   - a filtered upsert that meets a newer position answers E11000, also inside a bulk, which names the operations
//     concerned and carries out the others;
//   - concurrent $set on one document: all survive (400 of 400, 2,000 of 2,000);
//   - on disk (H2's store): every answered write survives kill -9, with its unique index; the file grows fast (145 MB
//     for 44,000 small writes) and is not meant for more than tests and trying things out.
//
// Tried by hand and answered without error: $inc, $push with $each and $slice, $max, $unset, ranges and sorts by _id, cursors over
// 22,000 documents, unique indexes, findAndModify, $match and $group, documents of 10 MiB, write concern majority
// (accepted; there is one server).
//
// It cannot: transactions and sessions (refused), change streams, updates by pipeline (an error of Java's), TTL
// and text indexes and any that is not unique (all accepted with a warning in its log, and ignored: documents do not
// expire, and a query that hopes for the index reads the whole collection), the hello command as such (the driver's handshake works). Nothing
// about replication, elections, or read and write concerns can be learned from it. What depends on one of these must
// be tried on a real MongoDB named by PARLEY_TEST_MONGO.
//
// MongoStandIn.java differs from the jar's own main in four things, and the first must be known to judge a green
// test: it reports version 4.4 (wire version 9) where the library says less, because the driver refuses less; it
// commits before it answers; it serves a filter on _id and more from the _id index, where the library reads the
// whole collection (a filtered upsert among 2,000 documents: 0.6 ms without); and it takes a port.
package servers
