from hub.worker.process import main

main()
