// The adapters read what servers send: streams in pieces, ids that wrap, and stanzas within stanzas.

package imload

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStanzas(t *testing.T) {
	in := "<?xml version='1.0'?><stream:stream id='1'><stream:features><a/><b>x</b></stream:features><r xmlns='u'/>" +
		"<message to='b'><body>" + strings.Repeat("x", 3*16) + "</body></message></stream:stream>"
	s := stanzas{r: bufio.NewReaderSize(strings.NewReader(in), 16)} // the smallest that there is
	var got []string
	for {
		m, err := s.next()
		if err != nil {
			break
		}
		got = append(got, string(m))
	}
	require.Equal(t, []string{"<stream:stream id='1'>", "<stream:features><a/><b>x</b></stream:features>", "<r xmlns='u'/>",
		"<message to='b'><body>" + strings.Repeat("x", 48) + "</body></message>", "</stream:stream>"}, got)
	require.Equal(t, "12", string(between([]byte("<a h='12'/>"), " h='", '\'')))
	require.Nil(t, between([]byte("<a/>"), " h='", '\''))
}

// heard notes what a connection says.
type heard struct {
	texts []string
	tags  []uint64
}

func (h *heard) Message(text []byte) { h.texts = append(h.texts, string(text)) }
func (h *heard) Ack(tag uint64, refused error) {
	if refused == nil {
		h.tags = append(h.tags, tag)
	}
}

func TestPacketIDsAreWidened(t *testing.T) {
	ours, theirs := net.Pipe()
	var h heard
	over := make(chan struct{})
	go func() {
		defer close(over)
		(&mqttConn{socket: ours}).read(bufio.NewReader(ours), &h)
	}()
	server := &mqttConn{socket: theirs}
	for _, id := range []uint16{1, 3, 2, 30_000, 60_000, 65_535, 1, 2} {
		require.NoError(t, server.packet(mqttPubackHead, []byte{byte(id >> 8), byte(id)}))
	}
	require.NoError(t, server.packet(mqttMessage<<4, append(mqttString(nil, "u/1"), strings.Repeat("y", 200)...)))
	require.NoError(t, theirs.Close())
	<-over
	require.Equal(t, []uint64{1, 3, 2, 30_000, 60_000, 65_535, 65_536, 65_537}, h.tags)
	require.Equal(t, []string{strings.Repeat("y", 200)}, h.texts)
}

func TestMessagesOfNATS(t *testing.T) {
	ours, theirs := net.Pipe()
	var h heard
	over := make(chan struct{})
	go func() {
		defer close(over)
		(&natsConn{socket: ours}).read(bufio.NewReader(ours), &h)
	}()
	answered := make([]byte, len("PONG\r\n"))
	for _, said := range []string{"MSG u.1 1 2\r\nhi\r\n", "MSG _I.7.42 2 4\r\n{\"\"}\r\n", "PING\r\n"} {
		_, err := theirs.Write([]byte(said))
		require.NoError(t, err)
	}
	_, err := theirs.Read(answered)
	require.NoError(t, err)
	require.Equal(t, "PONG\r\n", string(answered))
	_, err = theirs.Write([]byte("MSG _I.7.43 2 9\r\n{\"error\"}\r\n"))
	require.NoError(t, err)
	require.NoError(t, theirs.Close())
	<-over
	require.Equal(t, heard{texts: []string{"hi"}, tags: []uint64{42}}, h)
}
