"""Record sessions, read them back, and recover those that were cut off.

A session is a folder:

====================  ============================================================================================
``session.toml``      who recorded, when, with what: see `bmi_app.record.session_folder`
``protocol.toml``     the protocol with every value resolved
``frames.arrows``     one record a tick: all that the tick used and made, the counts of every unit among it
``health.arrows``     beside each frame: latency, backlog, totals of what went wrong
``spikes.arrows``     every spike (or value of a counts stream) with its stamps and the tick that counted it
``events.arrows``     trials, targets, rewards, updates, notes
``commands.arrows``   what the operator changed, and the tick at which it acted
``weights.arrows``    the decoder's weights, bias and gain at trial ends and adoptions
``blobs/NNNNNN.npz``  what was adopted by a command: input of the replay
``summary.json``      written at the end; a folder without it was cut off, or is still being written
``engine.lock``       held while the engine lives; ``heartbeat.json`` beside it moves meanwhile: see `liveness`
``recovery.json``     a recovery was decided and is not carried out yet: see `redo`
====================  ============================================================================================

The ``*.arrows`` files are Arrow IPC streams, so that three lines read one without this program::

    import pyarrow as pa
    with pa.ipc.open_stream("frames.arrows") as stream:
        frames = stream.read_all()  # the columns are named as the fields of `bmi_app.rt.records`

Codes are explained in the metadata of their columns (``frames.schema.field("state").metadata``). `message` says how
each batch is protected by a CRC32, `kinds` which columns there are, `journal` in which order everything is written.
"""
