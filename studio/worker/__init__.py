"""Work off the UI thread: lanes, jobs, the runner (all Qt-free) and the bridge that Qt sees.

``job``     what a job is and how one step of it is taken
``queue``   which job is next: live lanes and the long lane
``runner``  takes the steps, one at a time, in the device thread
``pool``    the same contract for files: two threads beside the device
``outbox``  what goes to the UI thread: in order, throttled, nothing lost
``bridge``  ``Worker(QObject)``: commands in, signals out
"""
